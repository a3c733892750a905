"""Many bundles as one benchmark: a list with a training and a test split, and an env over it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import gymnasium

from reel2sim.envs.bundle import entry, load_bundle, read_json
from reel2sim.envs.registration import task_id
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError, UsageError
from reel2sim.scene.files import write_json

PACK_FILE = "pack.json"
PACK_VERSION = 1
"""Layout of the file this reader understands."""

Split = Literal["train", "test"]

_KEPT = 16
"""Environments that stay open; a physics server each."""


@dataclass(frozen=True)
class PackedBundle:
    """One bundle of a pack.

    Attributes:
        folder: relative to the pack, with forward slashes.
        name: of the object.
        joints: how many an agent may drive.
        split: what it is for.
    """

    folder: str
    name: str
    joints: int
    split: Split


@dataclass(frozen=True)
class Pack:
    """A folder of bundles with their splits.

    Attributes:
        root: the folder, absolute.
        bundles: by folder, ascending.
        refused: folders that look like bundles and cannot be used, with the reason.
    """

    root: Path
    bundles: tuple[PackedBundle, ...]
    refused: tuple[tuple[str, str], ...] = ()

    def of(self, split: Split) -> tuple[PackedBundle, ...]:
        """The bundles of one split.

        Raises:
            UsageError: for another split, or one without bundles.
        """
        if split not in get_args(Split):
            raise UsageError(f"is {split!r}, expected 'train' or 'test'", source="split")
        found = tuple(bundle for bundle in self.bundles if bundle.split == split)
        if not found:
            raise UsageError(
                f"has no bundle in {self.root}",
                source="split",
                field=split,
                remedy="pack more bundles, or another share for tests",
            )
        return found


def make_pack(folder: str | Path, *, test: float = 0.2, seed: int = 0) -> Pack:
    """List the bundles below ``folder`` and split them.

    A bundle's split depends on its name and the seed alone, so that it stays where it is when
    others join.

    Args:
        folder: searched at any depth; bundles of a scene's assets are not taken by themselves.
        test: share of the bundles for tests, 0..1; drawn for each, so it holds on average.
        seed: of the draw.

    Raises:
        UsageError: if ``test`` is no share.
        BundleError: if there is no bundle that can be used.
    """
    root = Path(folder).resolve()
    if not 0 <= test <= 1:
        raise UsageError(f"is {test:g}, expected a share, 0..1", source="test")
    if not root.is_dir():
        raise BundleError("is not a folder", source=root, remedy="give a folder of bundles")
    found: list[PackedBundle] = []
    refused: list[tuple[str, str]] = []
    for place in _bundle_folders(root):
        name = place.relative_to(root).as_posix()
        try:
            bundle = load_bundle(place)
        except BundleError as fault:
            refused.append((name, str(fault)))
            continue
        joints = sum(j.observed and j.description.mimic is None for j in bundle.joints)
        if not joints:
            refused.append((name, "has no joint that was observed to move"))
            continue
        split: Split = "test" if _share(name, seed) < test else "train"
        found.append(PackedBundle(name, bundle.name, joints, split))
    if not found:
        raise BundleError(
            "holds no bundle with a joint to drive",
            source=root,
            remedy="make some with `reel2sim run` or `reel2sim batch`",
        )
    return Pack(root, tuple(found), tuple(refused))


def save_pack(pack: Pack) -> Path:
    """Write ``pack.json`` into the pack's folder, and return its path."""
    path = pack.root / PACK_FILE
    record = {
        "schema_version": PACK_VERSION,
        "bundles": [asdict(bundle) for bundle in pack.bundles],
    }
    write_json(path, record)
    return path


def load_pack(folder: str | Path) -> Pack:
    """Read ``pack.json``.

    Raises:
        BundleError: naming the field that is wrong.
    """
    root = Path(folder).resolve()
    path = root / PACK_FILE
    if not path.is_file():
        raise BundleError("is missing", source=path, remedy="run `reel2sim pack` on the folder")
    record = read_json(path)
    version = entry(record, "schema_version", int, path)
    if version != PACK_VERSION:
        raise BundleError(
            f"is {version}, this version reads {PACK_VERSION}",
            source=path,
            field="schema_version",
            remedy="run `reel2sim pack` again",
        )
    bundles: list[PackedBundle] = []
    for i, item in enumerate(entry(record, "bundles", list, path)):
        at = f"bundles[{i}]"
        name = entry(item, "folder", str, path, at)
        split = entry(item, "split", str, path, at)
        inside = (root / name).resolve().is_relative_to(root)
        if split not in get_args(Split) or not inside:
            fault = "lies outside of the pack" if not inside else f"is {split!r}"
            field = f"{at}.folder" if not inside else f"{at}.split"
            raise BundleError(fault, source=path, field=field, remedy="run `reel2sim pack` again")
        title, joints = entry(item, "name", str, path, at), entry(item, "joints", int, path, at)
        bundles.append(PackedBundle(name, title, joints, split))  # pyright: ignore[reportArgumentType]
    return Pack(root, tuple(bundles))


class PackEnv(gymnasium.Env[Any, Array]):
    """A task over many bundles: each episode is of another one.

    All bundles must offer the same spaces; OpenJoint's always do.

    **Info**: that of the task, and ``bundle``, the folder of the one that is played.
    ``reset(options={"bundle": "drawers/7"})`` names it; other options go to the task.

    Args:
        pack: folder that ``reel2sim pack`` has listed.
        split: ``"train"`` or ``"test"``.
        task: id of the task, ``"OpenJoint"`` or in full.
        render_mode: as of the task; windows are not opened.
        **options: of the task.

    Raises:
        BundleError: if the pack or a bundle of it cannot be used.
        UsageError: if an option is not allowed, or bundles differ in their spaces.
    """

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "render_modes": ["rgb_array"],
        "render_fps": 60,
    }

    def __init__(
        self,
        pack: str | Path,
        *,
        split: Split = "train",
        task: str = "OpenJoint",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._open: OrderedDict[str, gymnasium.Env[Any, Any]] = OrderedDict()
        if render_mode not in (None, "rgb_array"):
            raise UsageError(f"is {render_mode!r}, expected None or 'rgb_array'", source="mode")
        self.render_mode = render_mode
        self.pack = load_pack(pack)
        self.bundles = tuple(bundle.folder for bundle in self.pack.of(split))
        self._id = task_id(task)
        if self._id not in gymnasium.registry or self._id.startswith("Reel2Sim/Pack"):
            raise UsageError(
                f"is {task!r}, which is no task", source="task", remedy="use OpenJoint or its like"
            )
        self._options = options
        try:
            self._env = self._opened(self.bundles[0])
            self.action_space = self._env.action_space
            self.observation_space = self._env.observation_space
            self.metadata = {**self.metadata, "render_fps": self._env.metadata["render_fps"]}  # type: ignore[misc]
        except BaseException:
            self.close()
            raise
        self._bundle = self.bundles[0]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw a bundle and start an episode of it.

        Raises:
            UsageError: if the bundle that is named is not in the split.
        """
        super().reset(seed=seed)
        rest = dict(options or {})
        drawn = self.bundles[int(self.np_random.integers(len(self.bundles)))]
        wanted = rest.pop("bundle", drawn)
        if wanted not in self.bundles:
            raise UsageError(
                f"is {wanted!r}, which is not in the split", source="options", field="bundle"
            )
        self._bundle, self._env = wanted, self._opened(wanted)
        own = int(self.np_random.integers(2**31))
        observation, info = self._env.reset(seed=own, options=rest)
        return observation, {**info, "bundle": wanted}

    def step(self, action: Array) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Apply an action in the bundle that is played."""
        observation, reward, terminated, truncated, info = self._env.step(action)
        info["bundle"] = self._bundle
        return observation, float(reward), terminated, truncated, info

    def compute_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Rewards of goals, for tasks that have them; see the task's own."""
        task: Any = self._env.unwrapped
        return task.compute_reward(achieved_goal, desired_goal, info)

    def render(self) -> Any:
        """A picture of the bundle that is played."""
        return self._env.render()

    def close(self) -> None:
        """Free all physics servers; more calls do nothing."""
        while self._open:
            self._open.popitem()[1].close()

    def _opened(self, folder: str) -> gymnasium.Env[Any, Any]:
        env = self._open.get(folder)
        if env is None:
            env = gymnasium.make(
                self._id,
                bundle=str(self.pack.root / folder),
                render_mode=self.render_mode,
                disable_env_checker=True,
                **self._options,
            ).unwrapped
            self._same_spaces(folder, env)
            self._open[folder] = env
            if len(self._open) > _KEPT:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(folder)
        return env

    def _same_spaces(self, folder: str, env: gymnasium.Env[Any, Any]) -> None:
        first = getattr(self, "action_space", None)
        if first is None:
            return
        if env.action_space != first or env.observation_space != self.observation_space:
            env.close()
            raise UsageError(
                f"has other spaces than {self.bundles[0]}",
                source=folder,
                remedy="use OpenJoint, or a pack of objects with as many joints",
            )


def _bundle_folders(root: Path) -> Iterator[Path]:
    """Folders with a bundle's files, ascending; not those below a bundle or scene."""
    if (root / "scene.json").is_file():
        return
    if (root / "manifest.json").is_file():
        yield root
        return
    for place in sorted(path for path in root.iterdir() if path.is_dir()):
        yield from _bundle_folders(place)


def _share(name: str, seed: int) -> float:
    """A number in 0..1 that only name and seed decide."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


__all__ = ["Pack", "PackEnv", "PackedBundle", "Split", "load_pack", "make_pack", "save_pack"]
