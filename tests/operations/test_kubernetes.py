"""The Kubernetes manifests: valid by its schemas, and as restricted as the containers of docker-compose.yml."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from taskward.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops/kubernetes"
VERSIONS = ("1.30", kubernetes_validate.latest_version())
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = [
    manifest for name in KUSTOMIZATION["resources"] for manifest in yaml.safe_load_all((FOLDER / name).read_text())
]
WORKLOADS = [manifest for manifest in MANIFESTS if manifest["kind"] in ("Deployment", "Job")]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (one for one in MANIFESTS if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return found


def component(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_accepts_every_manifest(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.skipif(
    "CI" not in os.environ and not shutil.which("kubectl"),
    reason="kubectl is not installed (Debian: kubernetes-client)",
)
def test_kustomize_renders_every_manifest_with_its_image() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=True)
    rendered = list(yaml.safe_load_all(done.stdout))
    assert len(rendered) == len(MANIFESTS)
    for manifest in rendered:
        kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)
        if manifest["kind"] in ("Deployment", "Job"):
            (container,) = pod(manifest)["containers"]
            assert container["image"].startswith("registry.example/taskward-")
            assert not container["image"].endswith(":latest")


@pytest.mark.parametrize("workload", WORKLOADS, ids=component)
def test_every_pod_is_as_locked_down_as_its_container_in_compose(workload: dict[str, Any]) -> None:
    spec, compose = pod(workload), COMPOSE[component(workload)]
    (container,) = spec["containers"]
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == compose["user"]
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"] == compose["mem_limit"].replace("m", "Mi")
    mounted = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
    if workload["kind"] == "Deployment":
        assert mounted == {place.split(":")[0] for place in compose["tmpfs"]}
        assert all("sizeLimit" in volume["emptyDir"] for volume in spec["volumes"])
    if "args" in container:
        assert container["args"] == compose["command"]


@pytest.mark.parametrize(("name", "ready"), [("api", "/readyz"), ("web", "/healthz")])
def test_probes_restart_what_is_dead_and_take_out_what_is_not_ready(name: str, ready: str) -> None:
    deployment = named("Deployment", f"taskward-{name}")
    (container,) = pod(deployment)["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "a database that is down restarts nobody"
    assert container["readinessProbe"]["httpGet"]["path"] == ready
    # Taken out before it stops to answer: server/process.py announces the end for 3 s.
    assert container["readinessProbe"]["periodSeconds"] * container["readinessProbe"]["failureThreshold"] < 3
    assert pod(deployment)["terminationGracePeriodSeconds"] >= 30
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = named("PodDisruptionBudget", f"taskward-{name}")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"] == deployment["spec"]["selector"]["matchLabels"] == labels
    assert named("Service", f"taskward-{name}")["spec"]["selector"] == labels


@pytest.mark.parametrize("workload", WORKLOADS, ids=component)
def test_every_pod_has_a_network_policy_that_opens_no_port_to_everybody(workload: dict[str, Any]) -> None:
    policy = named("NetworkPolicy", f"taskward-{component(workload)}")["spec"]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule.get("from") and rule.get("ports") for rule in policy.get("ingress", []))


def secret_names(component: str) -> dict[str, bool]:
    """What a deployment takes out of the secret, and whether it can do without."""
    (one,) = pod(named("Deployment", f"taskward-{component}"))["containers"]
    references = [entry["valueFrom"]["secretKeyRef"] for entry in one["env"] if "valueFrom" in entry]
    return {reference["key"]: reference.get("optional", False) for reference in references}


def test_every_setting_is_read_by_service_or_web_client() -> None:
    given = dict(named("ConfigMap", "taskward")["data"])
    web = (ROOT / "web/lib/server/settings.ts").read_text() + (ROOT / "web/server/start.mjs").read_text()
    fields = {field.upper() for field in Settings.model_fields}
    for name in given:
        assert name in fields or name in web, f"{name} is read by nobody"
    known = {name.lower(): value for name, value in given.items() if name in fields}
    settings = Settings(_env_file=None, database_url="postgresql://u:p@h/d", **known)
    assert settings.metrics_port == 9000
    assert settings.public_url == given["TASKWARD_API_URL"], "the web client reaches the service by another name"
    assert not any(re_secret in name for name in given for re_secret in ("SECRET", "PASSWORD", "DATABASE_URL"))


@pytest.mark.parametrize(("example", "name"), [(".env.example", "api"), ("web/.env.example", "web")])
def test_every_setting_that_is_documented_is_in_the_settings_or_in_the_secret(example: str, name: str) -> None:
    documented = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / example).read_text(), flags=re.MULTILINE))
    offered = set(re.findall(r"^  (?:# )?([A-Z][A-Z0-9_]+): ", (FOLDER / "settings.yaml").read_text(), re.MULTILINE))
    assert documented - offered - set(secret_names(name)) == set(KEPT_BACK) & documented


#: Settings of .env.example that no pod is given, and why.
KEPT_BACK = {
    "HOST": "the manifests set it",
    "PORT": "the manifests set it",
    "JWT_SECRET": "stands instead of JWKS_URL, which the settings have",
    "NEXT_PUBLIC_DPOP": "an argument of the image's build",
}


def test_every_setting_that_is_commented_out_is_taken_once_it_is_not() -> None:
    """As YAML and as a setting: Kubernetes takes strings only."""
    text = re.sub(r"(?m)^  # ([A-Z][A-Z0-9_]+: )", r"  \1", (FOLDER / "settings.yaml").read_text())
    whole = yaml.safe_load(text)
    assert len(whole["data"]) > len(named("ConfigMap", "taskward")["data"])
    kubernetes_validate.validate(whole, VERSIONS[-1], strict=True)
    assert all(isinstance(value, str) for value in whole["data"].values())
    known = {name.lower(): value for name, value in whole["data"].items() if name.lower() in Settings.model_fields}
    Settings(_env_file=None, database_url="postgresql://u:p@h/d", **known)


def test_a_secret_that_not_everybody_needs_is_optional_and_named_where_it_is_made() -> None:
    head = (FOLDER / "kustomization.yaml").read_text()
    for half, required in {"api": {"DATABASE_URL"}, "web": {"DATABASE_URL", "BETTER_AUTH_SECRET"}}.items():
        names = secret_names(half)
        assert {name for name, optional in names.items() if not optional} == required
        assert all(name in head for name in names)
    assert "SMTP_URL" not in secret_names("api")
