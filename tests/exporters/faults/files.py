"""Faults of the folder, the manifest, the film and the page."""

from __future__ import annotations

from .seeding import Inapplicable, fault, in_json, in_xml, swap

MANIFEST = "manifest.json"


@fault("files", "FILE001", seen="the film is gone")
def film_dropped(folder, rng):
    path = folder / "preview.mp4"
    if not path.is_file():
        raise Inapplicable
    path.unlink()


@fault("files", "FILE001", seen="an empty page")
def page_emptied(folder, rng):
    (folder / "report.html").write_bytes(b"")


@fault("files", "FILE002", seen="nothing, until someone compares digests")
def file_edited(folder, rng):
    with (folder / "scene.urdf").open("a") as stream:
        stream.write("\n")


@fault("files", "FILE003", seen="a file of unknown origin")
def file_added(folder, rng):
    (folder / "notes.txt").write_text("mine")


@fault("stored asset", "FILE005", seen="it cannot be edited any more")
def stored_asset_cut(folder, rng):
    path = folder / "asset.npz"
    if not path.is_file():
        raise Inapplicable
    path.write_bytes(path.read_bytes()[:-200])


@fault("manifest", "MAN001", seen="no tool reads the manifest")
def manifest_is_a_list(folder, rng):
    (folder / MANIFEST).write_text("[]")


@fault("manifest", "MAN002", seen="a reader of an older release guesses")
def manifest_of_tomorrow(folder, rng):
    with in_json(folder / MANIFEST) as record:
        record.update(schema_version=99)


@fault("manifest", "MAN003", seen="a lookup by the manifest's names fails")
def manifest_names_another_link(folder, rng):
    with in_json(folder / MANIFEST) as record:
        record["asset"]["links"].append("ghost")


@fault("manifest", "MAN004", seen="a reader takes wxyz for xyzw")
def manifest_says_xyzw(folder, rng):
    with in_json(folder / MANIFEST) as record:
        record["conventions"]["quaternion"] = "xyzw"


@fault("manifest", "MAN004", seen="a reader turns everything by 90 degrees")
def manifest_says_y_up(folder, rng):
    with in_json(folder / MANIFEST) as record:
        record["conventions"]["up_axis"] = "Y"


@fault("manifest", "MAN005", seen="two names for one object")
def manifest_of_another_name(folder, rng):
    with in_json(folder / MANIFEST) as record:
        record["asset"]["name"] += "_2"


@fault("manifest", "BASE001", seen="an env drops an object that should be held")
def manifest_base_of_the_other_kind(folder, rng):
    with in_json(folder / MANIFEST) as record:
        record["asset"]["fixed_base"] = not record["asset"]["fixed_base"]


@fault("SRDF", "PAIR001", seen="MoveIt does not start")
def srdf_cut(folder, rng):
    path = folder / "scene.srdf"
    path.write_text(path.read_text()[:200])


@fault("SRDF", "PAIR001", seen="MoveIt warns of an unknown link")
def srdf_of_another_link(folder, rng):
    swap(folder / "scene.srdf", r'link2="[^"]*"', 'link2="lid"')


@fault("SRDF", "PAIR002", "PAIR003", seen="a planner sees collisions at rest")
def srdf_pair_dropped(folder, rng):
    swap(folder / "scene.srdf", r"<disable_collisions [^>]*>", "")


@fault("SRDF", "PAIR004", seen="planning starts from another state")
def srdf_state_moved(folder, rng):
    swap(folder / "scene.srdf", r'(<group_state.*?value=")[^"]*', r"\g<1>0.25")


@fault("SRDF", "PAIR004", seen="a joint cannot be planned for")
def srdf_group_lacks_a_joint(folder, rng):
    swap(folder / "scene.srdf", r"(<group .*?)<joint [^>]*>", r"\1")


@fault("SRDF", "BASE001", seen="a planner moves what is fixed, or fixes what moves")
def srdf_base_of_the_other_kind(folder, rng):
    with in_xml(folder / "scene.srdf") as root:
        held = root.find("virtual_joint")
        held.set("type", "floating" if held.get("type") == "fixed" else "fixed")


@fault("film and page", "FILM001", seen="the film does not play")
def film_cut(folder, rng):
    path = folder / "preview.mp4"
    if not path.is_file():
        raise Inapplicable
    path.write_bytes(path.read_bytes()[:60])


@fault("film and page", "PAGE001", seen="a page of garbage")
def page_not_text(folder, rng):
    (folder / "report.html").write_bytes(b"\xff\xfe\x00\x81" + rng.bytes(50))


@fault("film and page", "PAGE002", seen="a hole in the page without a network")
def page_needs_the_net(folder, rng):
    swap(folder / "report.html", "</body>", '<img src="https://example.org/a.png"></body>')


@fault("film and page", "PAGE002", seen="another font without a network")
def page_needs_a_font(folder, rng):
    swap(folder / "report.html", "</head>", "<style>@import 'https://e.org/f'</style></head>")
