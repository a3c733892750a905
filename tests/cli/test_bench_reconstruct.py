"""``bench reconstruct``: runs of their own, failures that count, resumption, peers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from reel2sim.cli.main import main
from reel2sim.cli.measure_peers import load_pictures, parse_peers
from reel2sim.cli.measure_plots import draw_charts
from reel2sim.cli.measure_process import Children
from reel2sim.cli.measure_results import Run, by_folder, means, reconstruction_results
from reel2sim.cli.measure_tables import markdown
from reel2sim.cli.measure_variants import ABLATION, Variant, parse_variants
from reel2sim.pipeline.scores import (
    Drawing,
    ReconstructionScore,
    ViewScore,
    load_held_out,
    score_drawings,
)
from reel2sim.reconstruction import ReconstructionConfig
from reel2sim.scene.errors import InputError, UsageError

ROOT = Path(__file__).parents[2]
OPTIONS = {"preset": "draft", "seed": 0, "device": "cpu"}
URDF = """<robot name="slide">
<link name="base"><visual><geometry><box size="0.4 0.3 0.2"/></geometry></visual></link>
<link name="lid"><visual><origin xyz="0 0 0.13"/><geometry><box size="0.3 0.2 0.06"/></geometry>
</visual></link>
<joint name="j" type="prismatic"><parent link="base"/><child link="lid"/><axis xyz="1 0 0"/>
<limit lower="0" upper="0.2" effort="1" velocity="1"/></joint></robot>"""


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """A small capture of a lid that slides, with held-out views."""
    pytest.importorskip("embreex")
    pytest.importorskip("flip_evaluator")
    folder = tmp_path_factory.mktemp("filmed")
    (folder / "slide.urdf").write_text(URDF)
    script = [sys.executable, str(ROOT / "benchmarks" / "render_captures.py")]
    script += ["--out", str(folder), "--urdf", str(folder / "slide.urdf"), "--size", "48"]
    script += ["--frames", "6", "--static-views", "8", "--held-out", "4", "--points", "500"]
    subprocess.run(script, check=True, capture_output=True)
    return folder / "slide"


def test_a_bench_scores_resumes_and_counts_failures(filmed, tmp_path, capfd) -> None:
    broken, peers, out = tmp_path / "broken", tmp_path / "peers", tmp_path / "out"
    shutil.copytree(filmed, broken)
    (broken / "static" / "000.png").unlink()
    shutil.copytree(filmed / "heldout", peers / "slide" / "heldout")
    (peers / "slide" / "seconds.json").write_text('{"seconds": 12.5, "note": "knows all"}')
    steps = [f"{f.name}=4" for f in fields(ReconstructionConfig) if f.name.endswith("_steps")]
    few = ",".join([*steps, "surfels=200", "track_rounds=1", "bones=4", "hull_resolution=24"])
    command = ["bench", "reconstruct", str(filmed), str(broken), "--preset", "draft"]
    command += ["--device", "cpu", "--out", str(out), "--variant", f"few:{few}"]
    command += ["--peer", f"oracle={peers}", "--json"]
    assert main(command) == 1, "a run failed"
    spoken = capfd.readouterr()
    record = json.loads(spoken.out)
    assert record == json.loads((out / "results.json").read_text())
    runs = {(run["name"], run["capture"]): run for run in record["runs"]}
    good, bad = runs["few", "slide"], runs["few", "broken"]
    assert 8 < good["score"]["psnr_db"] < 40
    assert good["failure"] == ""
    assert good["seconds"] > good["metrics"]["fit_s"] > 0
    assert 100 < good["peak_memory_mb"] < 4000
    assert bad["failure"].startswith("exit ")
    assert "static/000.png" in bad["failure"]
    assert "static/000.png" in (out / "runs" / "few" / "broken.log").read_text()
    assert bad["score"]["psnr_db"] < good["score"]["psnr_db"]
    assert bad["score"]["chamfer_frac"] == 1
    assert bad["score"]["track_frac"] == bad["score"]["track_floor_frac"]
    oracle = runs["oracle", "slide"]
    assert oracle["score"]["psnr_db"] == 100
    assert (oracle["seconds"], oracle["note"]) == (12.5, "knows all")
    assert oracle["score"]["chamfer_frac"] is None
    assert runs["oracle", "broken"]["failure"] == "4 of 4 pictures missing"
    assert record["means"]["few"]["failed"] == 1
    middle = (good["score"]["psnr_db"] + bad["score"]["psnr_db"]) / 2
    assert record["means"]["few"]["psnr_db"] == pytest.approx(middle)
    assert "slide few: PSNR" in spoken.err, "results are told as they come"
    for name in ("psnr", "psnr_over_time", "quality_seconds", "contact/slide_few"):
        with Image.open(out / "plots" / f"{name}.png") as chart:
            assert np.asarray(chart.convert("L")).std() > 10, name
    assert "| slide | " in (out / "table.md").read_text()

    assert main(command) == UsageError.exit_code, "results are not overwritten unasked"
    surfels = out / "runs" / "few" / "slide.npz"
    fitted = surfels.stat().st_mtime_ns
    shutil.copy(filmed / "static" / "000.png", broken / "static" / "000.png")
    capfd.readouterr()
    command[command.index("--peer") : command.index("--json")] = []
    assert main([*command, "--resume"]) == 0
    again = json.loads(capfd.readouterr().out)
    assert surfels.stat().st_mtime_ns == fitted, "what went well is not run again"
    resumed = {run["capture"]: run for run in again["runs"]}
    assert resumed["slide"] == good
    assert resumed["broken"]["failure"] == ""


def test_captures_without_held_out_views_are_refused(tmp_path, capfd) -> None:
    (tmp_path / "c").mkdir()
    command = ["bench", "reconstruct", str(tmp_path / "c"), "--out", str(tmp_path / "o")]
    assert main(command) == UsageError.exit_code
    assert "has no heldout.json" in capfd.readouterr().err
    assert main(command[:-2]) == UsageError.exit_code
    assert "--out: is needed" in capfd.readouterr().err


def test_options_of_one_task_are_refused_by_the_other(capfd) -> None:
    drawer = str(ROOT / "examples" / "drawer")
    assert main(["bench", "rig", drawer, "--ablation"]) == UsageError.exit_code
    assert "--ablation: is for `bench reconstruct` alone" in capfd.readouterr().err
    command = ["bench", "reconstruct", drawer, "--surfels", drawer]
    assert main(command) == UsageError.exit_code
    assert "--surfels: is for `bench rig` alone" in capfd.readouterr().err


def test_variants_are_read_by_the_types_of_their_fields() -> None:
    plain, changed = parse_variants(["full", "a.b:surfels=100,densify=0,device=cpu"])
    assert plain.config(OPTIONS) == ReconstructionConfig.preset("draft", device="cpu")
    assert dict(changed.overrides) == {"surfels": 100, "densify": 0.0, "device": "cpu"}
    config = changed.config(OPTIONS)
    assert (config.surfels, config.densify) == (100, 0.0)
    assert parse_variants([]) == (Variant("full", {}),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:surfel=3", "no setting 'surfel' (choose from surfels"),
        ("a:surfels=many", "variant a: surfels: 'many' is not int"),
        ("a:device=tpu", "'tpu' is not auto or cpu or cuda"),
        ("a:surfels", "'surfels' is not key=value"),
        (":surfels=3", "does not start with a name"),
        ("../a", "does not start with a name"),
    ],
)
def test_variants_that_cannot_be_are_named(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_variants([text])
    assert words in str(caught.value)


def test_variants_out_of_range_are_refused_before_anything_runs() -> None:
    (variant,) = parse_variants(["a:surfels=1"])
    with pytest.raises(UsageError, match="at least 32"):
        variant.config(OPTIONS)
    with pytest.raises(UsageError, match="comes twice"):
        parse_variants(["a", "a"])


def test_the_ablation_takes_away_one_part_at_a_time() -> None:
    known = {field.name for field in fields(ReconstructionConfig)}
    missing = [text for _, text in ABLATION if text.partition("=")[0] not in known]
    if missing:
        pytest.skip(f"this reconstruction has no {missing}")
    full, *less = parse_variants([], ablation=True)
    assert full.overrides == {}
    assert [variant.name for variant in less] == [name for name, _ in ABLATION]
    whole = asdict(full.config(OPTIONS))
    for variant in less:
        part = asdict(variant.config(OPTIONS))
        changed = {key for key in whole if whole[key] != part[key]}
        assert changed <= set(variant.overrides)
        assert len(variant.overrides) == 1


def test_children_say_how_they_ended() -> None:
    lines: list[str] = []
    script = "import sys; print('got', sys.stdin.read()); print('lost', file=sys.stderr); exit(3)"
    ended = Children().run([sys.executable, "-c", script], request="it", heard=lines.append)
    assert lines == ["got it\n"]
    assert ended.failure == "exit 3: lost"
    assert ended.seconds > 0
    assert 2 < ended.peak_memory_mb < 500


def test_a_childs_peak_is_its_own_however_large_we_are() -> None:
    ours = bytearray(200 << 20)
    hungry = "x = bytearray(150 << 20)"
    assert 150 < Children().run([sys.executable, "-c", hungry]).peak_memory_mb < 200
    assert Children().run([sys.executable, "-c", ""]).peak_memory_mb < 50
    assert len(ours) == 200 << 20


def test_children_are_ended_together_with_what_they_run() -> None:
    children, said = Children(), threading.Event()
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    pids: list[int] = []

    def heard(line: str) -> None:
        pids.append(int(line))
        said.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(children.run, [sys.executable, "-c", script], heard=heard)
        assert said.wait(240)
        children.kill()
        assert future.result(240).failure.startswith("exit -9")
    try:
        program = psutil.Process(pids[0])
        program.wait(120)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        pass
    assert not psutil.pid_exists(pids[0]) or program.status() == psutil.STATUS_ZOMBIE
    assert children.run([sys.executable, "-c", ""]).failure == "not started"


def test_a_childs_signal_is_told() -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    assert Children().run([sys.executable, "-c", script]).failure.startswith("exit -11")


def run_of(capture: str, name: str, psnr_db: float, **more) -> Run:
    view = ViewScore(psnr_db, psnr_db, 0.5, 0.5, 0.2, "heldout/000.png", 0.5)
    score = ReconstructionScore(
        psnr_db, psnr_db, 0.5, 0.5, 0.2, None, None, None, None, 0.1, (view,)
    )
    return Run(capture, "d", name, score, **more)


def test_results_survive_their_file(tmp_path) -> None:
    results = reconstruction_results(tmp_path / "r", OPTIONS, resume=True)
    results.add(run_of("a", "v", 20.0, seconds=3.0))
    results.add(run_of("b", "v", 10.0, failure="exit 1", overrides={"bones": 3}))
    again = reconstruction_results(tmp_path / "r", OPTIONS, resume=True)
    assert not again.recall(("a", "other pictures", "v", {}, False))
    assert not again.recall(("a", "d", "v", {"bones": 4}, False))
    assert not again.recall(("b", "d", "v", {"bones": 3}, False)), "failures are tried again"
    assert again.recall(("a", "d", "v", {}, False))
    assert again.runs == results.runs[:1]
    again.save()
    kept = json.loads((tmp_path / "r" / "results.json").read_text())["runs"]
    assert [run["capture"] for run in kept] == ["a", "b"], "nothing is lost before its turn"
    with pytest.raises(UsageError, match="preset 'draft', not 'high'"):
        reconstruction_results(tmp_path / "r", {**OPTIONS, "preset": "high"}, resume=True)
    with pytest.raises(UsageError, match="already holds results"):
        reconstruction_results(tmp_path / "r", OPTIONS, resume=False)


def test_means_are_over_captures_and_know_what_is_missing() -> None:
    runs = [run_of("a", "v", 20.0, seconds=3.0), run_of("b", "v", 10.0, failure="exit 1")]
    found = means(runs)
    assert (found["psnr_db"], found["seconds"], found["failed"]) == (15.0, 3.0, 1)
    assert found["chamfer_frac"] is None
    text = markdown(runs, OPTIONS)
    assert "| mean | 15.00 | 15.00 | 0.500 | 0.500 | 0.200 | – | – | – | 10.00 | 3.0 | – |" in text
    assert "mean of" not in text


def test_folders_of_captures_have_means_of_their_own(tmp_path) -> None:
    runs = [
        run_of("near/a", "v", 20.0),
        run_of("near/b", "v", 30.0),
        run_of("far/a", "v", 10.0),
        run_of("far/a", "w", 12.0),
    ]
    assert {name: len(part) for name, part in by_folder(runs).items()} == {"near": 2, "far": 2}
    text = markdown(runs, OPTIONS)
    assert "| v of near | 25.00 |" in text
    assert "| mean of near | 25.00 |" in text
    assert "| mean of far | 10.00 |" in text
    assert "| mean | 20.00 |" in text
    names = {path.name for path in draw_charts(runs, tmp_path)}
    assert names == {"psnr.png", "psnr_over_time.png"}


def test_pictures_without_alpha_cover_what_is_bright(filmed, tmp_path) -> None:
    held_out = load_held_out(filmed)
    folder = tmp_path / "slide"
    (folder / "heldout").mkdir(parents=True)
    for i, file in enumerate(held_out.files):
        pixels = np.rint(held_out.rgb[i] * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{file}.png")
    given = load_pictures(folder, held_out)
    assert given.failure == ""
    assert score_drawings(given.drawings, held_out).psnr_db > 50
    assert all(isinstance(drawing, Drawing) for drawing in given.drawings)
    Image.fromarray(pixels[:9]).save(folder / f"{held_out.files[0]}.png")
    with pytest.raises(InputError, match="is 48×9, the held-out view 48×48"):
        load_pictures(folder, held_out)


def test_peers_need_a_name_and_a_folder(tmp_path) -> None:
    (peer,) = parse_peers([f"a={tmp_path}"], ["full"])
    assert (peer.name, peer.folder) == ("a", tmp_path)
    for text, words in (
        ("a", "not NAME=DIR"),
        (f"full={tmp_path}", "comes twice"),
        (f"a={tmp_path}/nowhere", "not a folder"),
    ):
        with pytest.raises(UsageError, match=words):
            parse_peers([text], ["full"])
