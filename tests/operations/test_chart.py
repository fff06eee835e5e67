"""The Helm chart is rendered by Helm itself, and Kubernetes' own schemas accept what comes out."""

import tomllib
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

HELM = Path(__file__).parents[2] / "deploy" / "helm"
EXAMPLE: dict[str, Any] = yaml.safe_load((HELM / "example-values.yaml").read_text("utf-8"))
Manifests = dict[tuple[str, str], dict[str, Any]]


def rendered(**changes: Any) -> Manifests:
    """Return what Helm makes of the example with changed values, by kind and name."""
    with helm_python.Chart.load(str(HELM / "doorward")) as chart:
        texts = chart.render({**EXAMPLE, **changes}, name="dw", namespace="mcp")
    documents = [
        one
        for name, text in texts.items()
        if name.endswith(".yaml")
        for one in yaml.safe_load_all(text)
        if one is not None
    ]
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


EVERYTHING = {
    "imagePullSecrets": [{"name": "registry"}],
    "podAnnotations": {"example.com/team": "tools"},
    "podLabels": {"team": "tools"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "service": {"annotations": {"example.com/a": "b"}},
}
MINIMUM: dict[str, Any] = {
    "ingress": {"enabled": False},
    "serviceMonitor": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
}


def test_helm_finds_nothing_to_lint() -> None:
    found = helm_python.lint(str(HELM / "doorward"), EXAMPLE)

    messages = [one for one in found["messages"] if one["severity"] in ("WARNING", "ERROR")]
    assert messages == []


@pytest.mark.parametrize("version", ["1.30.0", "1.37.0"])
@pytest.mark.parametrize("changes", [{}, EVERYTHING, MINIMUM], ids=["example", "all", "minimum"])
def test_kubernetes_accepts_every_manifest(changes: dict[str, Any], version: str) -> None:
    for (kind, _), manifest in rendered(**changes).items():
        # A custom resource of the Prometheus operator; Kubernetes has no schema of it.
        if kind != "ServiceMonitor":
            kubernetes_validate.validate(manifest, version, strict=True)


def test_the_manifests_are_those_that_operators_expect() -> None:
    kinds = sorted(kind for kind, _ in rendered())

    assert kinds == [
        "ConfigMap",
        "Deployment",
        "Ingress",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "Service",
        "ServiceMonitor",
    ]
    assert sorted(kind for kind, _ in rendered(**MINIMUM)) == ["ConfigMap", "Deployment", "Service"]


def test_the_pod_has_no_privilege_and_writes_only_where_it_must() -> None:
    pod = rendered()["Deployment", "dw"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    writable = [one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert writable == ["/var/lib/doorward", "/tmp"]


def test_probes_ask_the_port_of_operations() -> None:
    (container,) = rendered()["Deployment", "dw"]["spec"]["template"]["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    listens = tomllib.loads(EXAMPLE["config"])

    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "operations"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "operations"}
    assert listens["listen"] == f"0.0.0.0:{ports['http']}"
    assert listens["operations"]["listen"] == f"0.0.0.0:{ports['operations']}"


def test_secrets_are_named_and_never_in_a_manifest() -> None:
    manifests = rendered()
    pod = manifests["Deployment", "dw"]["spec"]["template"]["spec"]
    volume = next(one for one in pod["volumes"] if one["name"] == "secret")
    named = tomllib.loads(manifests["ConfigMap", "dw"]["data"]["doorward.toml"])

    assert not [kind for kind, _ in manifests if kind == "Secret"]
    assert volume["secret"] == {"secretName": "doorward", "defaultMode": 0o440}
    for setting in ("secret_file", "database_password_file"):
        assert named["authorization_server"][setting].startswith("/run/secrets/doorward/")


def test_an_update_never_leaves_fewer_replicas_and_a_drain_one_less() -> None:
    manifests = rendered(replicaCount=3)
    deployment = manifests["Deployment", "dw"]["spec"]

    assert deployment["replicas"] == 3
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert manifests["PodDisruptionBudget", "dw"]["spec"]["maxUnavailable"] == 1


def test_only_those_named_reach_the_port_of_operations() -> None:
    rules = rendered()["NetworkPolicy", "dw"]["spec"]["ingress"]
    nobody = rendered(networkPolicy={})["NetworkPolicy", "dw"]["spec"]["ingress"]

    assert [rule["ports"][0]["port"] for rule in rules] == ["http", "operations"]
    assert rules[1]["from"] == EXAMPLE["networkPolicy"]["operationsFrom"]
    assert [rule["ports"][0]["port"] for rule in nobody] == ["http"]


def test_a_changed_configuration_starts_new_pods_and_a_digest_is_used_alone() -> None:
    digest = "sha256:" + "a" * 64
    image = {"repository": "registry.example.com/doorward", "digest": digest}
    before = rendered()["Deployment", "dw"]["spec"]["template"]
    after = rendered(config=EXAMPLE["config"] + "\n", image=image)["Deployment", "dw"]["spec"]

    assert before["metadata"]["annotations"] != after["template"]["metadata"]["annotations"]
    container = after["template"]["spec"]["containers"][0]
    assert container["image"] == f"registry.example.com/doorward@{digest}"


@pytest.mark.parametrize(
    "changes",
    [
        {"existingSecret": ""},
        {"config": ""},
        {"image": {"repository": ""}},
        {"image": {"repository": "doorward", "digest": "sha256:short"}},
        {"secret": "in the values"},
        {"replicaCount": 0},
        {"ingress": {"enabled": True, "host": "mcp.example.com", "tlsSecret": ""}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_values_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError):
        rendered(**changes)
