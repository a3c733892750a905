"""What is deployed fits together: with itself, with the command line, and with the metrics.

Nothing here needs a container runtime. `kubectl` (to build overlays), `kubernetes-validate` and
`hadolint` are used where they are installed.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tyro

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OVERLAYS = ("base", "standalone", "tls", "batch")
DOCKERFILES = sorted((DEPLOY / "docker").glob("Dockerfile*"))
# Installed next to the interpreter, which need not be on the path.
HADOLINT = shutil.which("hadolint") or shutil.which("hadolint", path=Path(sys.executable).parent)
IMAGE = "registry.example.com/reel2sim"
PINNED = re.compile(r"[\w./-]+:(?!latest)[\w.-]*\d[\w.-]*")
SECRET = re.compile(r"token|password|secret|key", re.IGNORECASE)


def load(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def built(name):
    """The documents of an overlay; those of the base and the batch also without kubectl."""
    if kubectl := shutil.which("kubectl"):
        done = subprocess.run(
            [kubectl, "kustomize", KUBERNETES / name], capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]
    if name not in ("base", "batch"):
        pytest.skip("kubectl, which builds overlays, is not installed")
    listed = load(KUBERNETES / name / "kustomization.yaml")[0]["resources"]
    return [document for file in listed for document in load(KUBERNETES / name / file)]


def walk(value, path=()):
    yield path, value
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in items:
            yield from walk(child, (*path, key))


def pods(documents):
    """Every pod specification and the labels its pods carry."""
    for document in documents:
        for _, value in walk(document):
            if isinstance(value, dict) and "containers" in value.get("spec", {}):
                yield value["spec"], value.get("metadata", {}).get("labels", {})


def containers(documents):
    for spec, _ in pods(documents):
        for container in spec["containers"]:
            yield spec, container


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def flags_of(command):
    """Flags that ``reel2sim COMMAND --help`` tells."""
    from reel2sim.cli.commands.batch import Batch
    from reel2sim.cli.commands.serve import Serve

    known = {"serve": Serve, "batch": Batch}[command]
    parser = tyro.extras.get_parser(known)
    return {flag for action in parser._actions for flag in action.option_strings}


def commands():
    """Command lines of ours, wherever they are written."""
    compose = load(DEPLOY / "compose.yaml")[0]
    yield compose["services"]["server"]["command"]
    for name in ("base", "batch"):
        for file in (KUBERNETES / name).glob("*.yaml"):
            for document in load(file):
                for path, value in walk(document):
                    if path[-1:] == ("args",):
                        yield value
                    elif path[-1:] == ("entrypoint",):
                        assert value.split()[0] == "reel2sim"
                        yield value.split()[1:]
    for dockerfile in DOCKERFILES:
        assert 'ENTRYPOINT ["reel2sim"]' in dockerfile.read_text()
        yield json.loads(re.search(r"^CMD (\[.*\])$", dockerfile.read_text(), re.M).group(1))
    for _, container in containers(load(KUBERNETES / "standalone" / "deployment.yaml")):
        yield container["args"]


def test_flags_exist_in_the_command_line():
    lines = list(commands())
    assert len(lines) >= 6
    for line in lines:
        used = {word.partition("=")[0] for word in line if word.startswith("--")}
        assert used
        assert used <= flags_of(line[0]), line


@pytest.mark.parametrize("name", OVERLAYS)
def test_selectors_find_their_pods_and_ports_have_names(name):
    documents = built(name)
    found = list(pods(documents))
    for document in documents:
        spec = document.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector") or {}
        wanted = selector.get("matchLabels", selector)
        if wanted and document["kind"] != "PersistentVolumeClaim":
            assert any(wanted.items() <= labels.items() for _, labels in found), document
    ports = {port["name"] for _, c in containers(documents) for port in c.get("ports", ())}
    for service in of_kind(documents, "Service"):
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for policy in of_kind(documents, "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            assert {port["port"] for port in rule["ports"]} <= ports
    for scaler in of_kind(documents, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert target["name"] in {d["metadata"]["name"] for d in of_kind(documents, target["kind"])}


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_a_pod_mounts_and_reads_is_there(name):
    documents = built(name)
    claims = {d["metadata"]["name"] for d in of_kind(documents, "PersistentVolumeClaim")}
    for spec, container in containers(documents):
        volumes = {volume["name"]: volume for volume in spec.get("volumes", ())}
        mounts = container.get("volumeMounts", ())
        assert {mount["name"] for mount in mounts} <= volumes.keys()
        for volume in volumes.values():
            assert len(volume) == 2, "a volume has exactly one source"
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or claim["claimName"] in claims
        numbers = {port["containerPort"] for port in container.get("ports", ())}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container.get(probe, {})
            if "grpc" in asked:
                assert asked["grpc"]["port"] in numbers
            elif asked:
                assert asked["exec"]["command"][2] == "localhost:50051"
        listened = [a for a in container.get("args", ()) if a.startswith("--address=")]
        assert all(int(address.rpartition(":")[2]) in numbers for address in listened)
        places = tuple(mount["mountPath"] for mount in mounts)
        for word in container.get("args", ()):
            path = word.partition("=")[2]
            assert not path.startswith("/") or path.startswith(places), word


@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_have_no_more_rights_than_they_need(name):
    for spec, container in containers(built(name)):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys()
        assert "memory" in resources["limits"]


def test_images_are_pinned_and_ours_are_of_this_version():
    compose = load(DEPLOY / "compose.yaml")[0]
    images = [service["image"] for service in compose["services"].values()]
    images += [c["image"] for name in ("base", "batch") for _, c in containers(built(name))]
    for dockerfile in DOCKERFILES:
        stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", dockerfile.read_text(), re.M)
        images += [image for image, _ in stages]
        assert len(stages) >= 2
    for image in images:
        assert PINNED.fullmatch(image), image
        name, _, tag = image.rpartition(":")
        assert name != IMAGE or tag == PROJECT["version"]


def test_secrets_are_only_referred_to():
    compose = load(DEPLOY / "compose.yaml")[0]
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), key
    for file in KUBERNETES.rglob("*.yaml"):
        for document in load(file):
            assert document.get("kind") != "Secret"
            for _, value in walk(document):
                if isinstance(value, dict) and SECRET.search(str(value.get("name", ""))):
                    assert "value" not in value, file
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / ".env.example").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked == example.keys()
    assert not any(value for key, value in example.items() if not key.endswith("_USER"))


def test_compose_names_what_exists():
    compose = load(DEPLOY / "compose.yaml")[0]
    services, volumes = compose["services"], compose["volumes"]
    for service in services.values():
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["mem_limit"]
        needed = service.get("depends_on", {})
        for name in needed:
            assert name in services
            if isinstance(needed, dict) and needed[name]["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in volumes
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "nothing but loopback is open to others"
    hosts = set(re.findall(r"(?:://|@)([a-z]\w*):\d+", (DEPLOY / "compose.yaml").read_text()))
    scraped = load(DEPLOY / "prometheus" / "prometheus.yaml")[0]["scrape_configs"]
    hosts |= {t.partition(":")[0] for job in scraped for t in job["static_configs"][0]["targets"]}
    assert hosts <= services.keys()


def test_boards_and_alerts_ask_for_metrics_that_are_documented():
    documented = ROOT / "docs" / "observability.md"
    if not documented.exists():
        pytest.skip("docs/observability.md, which lists the metrics, is not there")
    known = set(re.findall(r"`((?:reel2sim|grpc_server)_\w+)`", documented.read_text()))
    board = json.loads((DEPLOY / "grafana" / "boards" / "reel2sim.json").read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    alerts = load(DEPLOY / "prometheus" / "alerts.yaml")[0]
    asked += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    for expression in asked:
        for name in re.findall(r"\b(?:reel2sim|grpc_server)_\w+", expression):
            assert name.removesuffix("_bucket") in known, name


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_images_run_without_root_and_are_built_of_what_exists(dockerfile):
    text = dockerfile.read_text()
    final = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER (?!0\b|root)\d+:\d+$", final, re.M)
    assert "HEALTHCHECK" in final
    assert " apt-get upgrade" not in text
    assert not re.search(r"^ADD ", text, re.M)
    for copied in re.findall(r"^COPY (?!--from)(.*)$", text, re.M):
        *sources, _ = copied.split()
        assert all((ROOT / source).exists() for source in sources), copied
    extras = re.search(r"^ARG EXTRAS=(\S+)$", text, re.M).group(1).split(",")
    assert set(extras) <= PROJECT["optional-dependencies"].keys()
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for folder in packaged["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert re.search(rf"^COPY {folder.split('/')[0]} ", text, re.M), "a package is left out"


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing():
    done = subprocess.run([HADOLINT, *DOCKERFILES], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None,
    reason="kubernetes-validate, which brings the schemas, is not installed",
)
@pytest.mark.parametrize("name", ["base", "standalone", "tls"])
def test_manifests_meet_the_schemas_of_kubernetes(name):
    import kubernetes_validate

    for document in built(name):
        kubernetes_validate.validate(document, "1.31", strict=True)


def test_the_health_check_of_the_images_tells_a_server_that_serves(tmp_path):
    check = [sys.executable, DEPLOY / "docker" / "health.py", "--timeout", "1"]
    nobody = subprocess.run([*check, "127.0.0.1:1"], capture_output=True, timeout=240)
    assert nobody.returncode == 1
    command = [sys.executable, "-m", "reel2sim.cli.main", "serve", "--data-dir", tmp_path / "data"]
    with subprocess.Popen(
        [*command, "--address", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            address = server.stdout.readline().split()[-1]
            done = subprocess.run([*check, "--timeout", "10", address], timeout=240)
        finally:
            server.terminate()
        assert done.returncode == 0
        assert server.wait(30) == 0
