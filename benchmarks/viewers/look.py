"""Bundles in viewers that others wrote: pictures of them, and whether they show what is there.

``asset.glb`` and the splats go into pages that run in headless Chromium: three.js for the meshes
and its animation, a web viewer of 3D Gaussian splats for ``splats.ply``, PlayCanvas for the splats
of ``KHR_gaussian_splatting``. Every page answers with pictures, with where it has the nodes,
and with what its console said. A bundle fails if a page complains, a picture is empty, a node is
missing or elsewhere than the asset has it, or splats and meshes cover different pixels.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reel2sim.exporters.splats_gltf import write_splats_glb
from reel2sim.scene import RiggedAsset
from reel2sim.scene.store import load_asset
from reel2sim.scene.transforms import axis_rotation, pose

HERE = Path(__file__).parent
Y_UP = pose(axis_rotation(np.array([1.0, 0.0, 0.0]), -np.pi / 2))
SIZE, FOV = 512, 40.0
BACKGROUND = "#c8d8e8"
KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--mute-audio",
    "--disable-dev-shm-usage", f"--window-size={SIZE},{SIZE}",
)  # fmt: skip
WITHIN_M = 1e-4
LEAST_COVER, LEAST_OVERLAP = 0.01, 0.8


class Handler(BaseHTTPRequestHandler):
    """Serves the page, the viewers and one file, and takes the answer."""

    def __init__(self, *args: Any, job: Job, **kwargs: Any) -> None:
        self.job = job
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/task":
            return self._send(json.dumps(self.job.task).encode(), "application/json")
        if path == "/favicon.ico":
            return self._send(b"", "image/x-icon")
        files = {"/": HERE / "page.html", self.job.task["file"]: self.job.file}
        root = self.job.modules if path.startswith("/modules/") else HERE
        file = files.get(path, root / path.removeprefix("/modules").lstrip("/")).resolve()
        if not file.is_file() or not any(
            file.is_relative_to(x.resolve()) for x in (HERE, self.job.modules, self.job.file)
        ):
            return self.send_error(404)
        return self._send(file.read_bytes(), KINDS.get(file.suffix, "application/octet-stream"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._send(b"{}", "application/json")
        self.job.answer = json.loads(body)
        self.job.answered.set()

    def _send(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what matters is in the answer."""


class Job:
    """One file in one viewer."""

    def __init__(self, viewer: str, file: Path, modules: Path, **task: Any) -> None:
        self.file, self.modules = file, modules
        shown = {"viewer": viewer, "file": f"/shown/{file.name}"}
        self.task = shown | {"size": SIZE, "fov": FOV, "background": BACKGROUND} | task
        self.answer: dict[str, Any] | None = None
        self.answered = threading.Event()

    def run(self, chromium: str, *, timeout_s: float) -> dict[str, Any]:
        """Open the page and wait for its answer."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, job=self))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        profile = tempfile.mkdtemp(prefix="viewer-")
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        browser = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self.answered.wait(timeout_s)
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
            shutil.rmtree(profile, ignore_errors=True)
        if self.answer is None:
            return {"pictures": [], "nodes": [], "faults": [f"no answer in {timeout_s:g} s"]}
        return self.answer


def view(asset: RiggedAsset) -> dict[str, dict[str, list[float]]]:
    """Cameras for Y-up and Z-up pages that see the whole motion from the same place."""
    times = np.linspace(asset.motion.times_s[0], asset.motion.times_s[-1], 9)
    points = np.concatenate([asset.surfels_at(t).means for t in times]).astype(float)
    low, high = points.min(axis=0), points.max(axis=0)
    target = (low + high) / 2
    reach = np.linalg.norm(high - low) / 2 / np.tan(np.radians(FOV) / 2) * 1.1
    away = np.array([0.75, -1.0, 0.6])
    eye = target + reach * away / np.linalg.norm(away)
    turned = Y_UP[:3, :3]
    return {
        "y": {"eye": (turned @ eye).tolist(), "target": (turned @ target).tolist()},
        "z": {"eye": eye.tolist(), "target": target.tolist(), "up": [0, 0, 1]},
    }


def look_at(
    bundle: Path, out: Path, *, modules: Path, chromium: str, timeout_s: float
) -> list[str]:
    """Pictures of a bundle, and what is wrong with them."""
    asset = load_asset(bundle / "asset.npz")
    cameras = view(asset)
    start, stop = (float(asset.motion.times_s[i]) for i in (0, -1))
    times = sorted({start, (start + stop) / 2, stop})
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        splats = Path(folder, "splats.glb")
        write_splats_glb(asset, splats)
        jobs = {
            "mesh": Job("mesh", bundle / "asset.glb", modules, times=times, **cameras["y"]),
            "ply": Job("ply", bundle / "splats.ply", modules, times=[start], **cameras["z"]),
            "splats": Job("splats", splats, modules, times=times, **cameras["y"]),
        }
        covers: dict[str, list[np.ndarray]] = {}
        for name, job in jobs.items():
            answer = job.run(chromium, timeout_s=timeout_s)
            said = [f"{name}: {text}" for text in answer["faults"]]
            faults += said
            covers[name] = _kept(answer["pictures"], out, f"{bundle.name}_{name}")
            faults += _unlike(name, asset, job.task["times"], answer, covers[name])
            _tell(bundle, name, answer, covers[name])
    for name in ("ply", "splats"):
        for i, (a, b) in enumerate(zip(covers[name], covers["mesh"], strict=False)):
            overlap = (a & b).sum() / max((a | b).sum(), 1)
            print(f"  {name} and mesh at {times[i]:g} s: overlap {overlap:.3f}")
            if overlap < LEAST_OVERLAP:
                faults.append(f"{name}: covers {overlap:.2f} of what the mesh does")
    return faults


def _kept(pictures: list[str], out: Path, stem: str) -> list[np.ndarray]:
    """Write the pictures; which pixels are not background."""
    covers = []
    for i, uri in enumerate(pictures):
        data = base64.b64decode(uri.split(",", 1)[1])
        (out / f"{stem}_{i}.png").write_bytes(data)
        pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB"), int)
        covers.append(np.abs(pixels - pixels[0, 0]).sum(axis=2) > 24)
    return covers


def _unlike(
    name: str,
    asset: RiggedAsset,
    times: list[float],
    answer: dict[str, Any],
    covers: list[np.ndarray],
) -> list[str]:
    """What a viewer's answer lacks, or has elsewhere."""
    faults = []
    if len(covers) != len(times):
        faults.append(f"{name}: {len(covers)} pictures of {len(times)}")
    for i, cover in enumerate(covers):
        if cover.mean() < LEAST_COVER:
            faults.append(f"{name}: picture {i} is empty")
    if name == "ply":
        return faults
    for time, nodes in zip(times, answer["nodes"], strict=False):
        for link, T in zip(asset.links, asset.link_poses_at(time), strict=True):
            if link.name not in nodes:
                faults.append(f"{name}: has no node {link.name}")
                continue
            shown = np.reshape(nodes[link.name], (4, 4)).T
            away = float(np.abs(shown - Y_UP @ T).max())
            if away > WITHIN_M:
                faults.append(f"{name}: {link.name} is {away:.2g} off at {time:g} s")
    moves = len(asset.motion.times_s) > 1 and any(
        np.ptp(q) > 0 for q in asset.motion.positions.values()
    )
    if moves and len(answer.get("animations", [])) != 1:
        faults.append(f"{name}: {len(answer.get('animations', []))} animations, expected 1")
    return faults


def _tell(bundle: Path, name: str, answer: dict[str, Any], covers: list[np.ndarray]) -> None:
    cover = " ".join(f"{x.mean():.3f}" for x in covers)
    clips = ", ".join(f"{x['tracks']} tracks, {x['duration']:.2f} s"
                      for x in answer.get("animations", []))  # fmt: skip
    nodes = len(answer["nodes"][0]) if answer["nodes"] else 0
    print(f"{bundle.name} {name}: {nodes} nodes; {clips or 'no animation'}; cover {cover}")
    for text in answer["faults"]:
        print(f"  console {text[:300]}")


def installed(modules: Path | None) -> Path:
    """Folder of the viewers; installed from package.json beside this file if none is given."""
    if modules is not None:
        return modules
    folder = Path(tempfile.gettempdir(), "reel2sim-viewers")
    folder.mkdir(exist_ok=True)
    shutil.copy(HERE / "package.json", folder)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
        cwd=folder, check=True,
    )  # fmt: skip
    return folder / "node_modules"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="+", type=Path, help="bundle folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--modules", type=Path, help="node_modules with the viewers")
    parser.add_argument("--chromium", default="chromium", help="the browser's command")
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds per page")
    options = parser.parse_args()
    if shutil.which(options.chromium) is None:
        parser.error(f"{options.chromium} is not installed")
    options.out.mkdir(parents=True, exist_ok=True)
    modules = installed(options.modules)
    faults = [
        f"{bundle.name}: {fault}"
        for bundle in options.bundles
        for fault in look_at(
            bundle,
            options.out,
            modules=modules,
            chromium=options.chromium,
            timeout_s=options.timeout,
        )
    ]
    for fault in faults:
        print(f"FAULT {fault[:300]}")
    print(f"{len(options.bundles)} bundle(s), {len(faults)} fault(s), pictures in {options.out}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
