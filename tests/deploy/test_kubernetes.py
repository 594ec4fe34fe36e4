"""deploy/kubernetes/: in Kubernetes' own form, one with itself, and with a configuration that is good."""

import copy

import jsonschema
import kubernetes_validate
import pytest

from proxy.configuration import load
from proxy.errors import ConfigurationError

# The oldest version that Kubernetes' own rule of three minor versions may still find in use, and the latest known.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
NAME = {"app.kubernetes.io/name": "claims-proxy"}
FILLED_IN = {"secret": "s" * 64, "redis-url": "redis://claims-proxy:a@redis:6379/0", "client-secret": "c"}
DRAIN_SECONDS = 30


@pytest.fixture
def folder(deploy):
    return deploy / "kubernetes"


@pytest.fixture
def manifests(folder, read_yaml):
    """{kind: manifest} of everything that is applied, the example of the secret among it."""
    paths = [path for path in folder.glob("*.yaml") if path.name != "kustomization.yaml"]
    return {document["kind"]: document for path in paths for document in read_yaml(path)}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_in_kubernetes_own_form(manifests, version):
    for manifest in manifests.values():
        kubernetes_validate.validate(manifest, version, strict=True)
    wrong = copy.deepcopy(manifests["Deployment"])
    wrong["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    with pytest.raises(jsonschema.ValidationError, match="readinessProb"):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_the_kustomization_names_every_file_but_the_example_of_the_secret(folder, read_yaml):
    (kustomization,) = read_yaml(folder / "kustomization.yaml")
    files = {path.name for path in folder.iterdir()} - {"kustomization.yaml", "secret.example.yaml"}
    assert set(kustomization["resources"]) == files
    assert len(kustomization["resources"]) == len(files)


def test_all_select_the_same_pods_and_the_ports_they_name_are_there(manifests):
    template = manifests["Deployment"]["spec"]["template"]
    assert template["metadata"]["labels"] == NAME
    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == NAME
    assert manifests["Service"]["spec"]["selector"] == NAME
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == NAME
    assert manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == NAME
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in manifests["Service"]["spec"]["ports"]} <= ports
    entries = manifests["NetworkPolicy"]["spec"]["ingress"]
    assert {port["port"] for entry in entries for port in entry["ports"]} == ports


def test_the_network_is_closed_but_for_named_neighbours(manifests):
    policy = manifests["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    for entry in (*policy["ingress"], *policy["egress"]):
        assert entry["ports"]
        assert entry.get("from") or entry.get("to")
        for peer in (*entry.get("from", ()), *entry.get("to", ())):
            assert peer.get("ipBlock", {}).get("cidr") != "0.0.0.0/0"


def test_a_pod_is_nobody_writes_nowhere_and_leaves_time_for_the_drain(manifests):
    spec = manifests["Deployment"]["spec"]
    pod, (container,) = spec["template"]["spec"], spec["template"]["spec"]["containers"]
    assert spec["replicas"] >= 2
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 65532)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][-1].partition("sleep(")[2].rstrip(")"))
    assert pod["terminationGracePeriodSeconds"] > DRAIN_SECONDS + waits
    paths = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert paths["liveness"] == paths["startup"] == {"path": "/healthz", "port": "management"}
    assert paths["readiness"] == {"path": "/readyz", "port": "management"}


def mounted(manifests, values, folder):
    """The container's /etc/claims-proxy, as the volume of the deployment says; the path of its configuration."""
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    (volume,) = manifests["Deployment"]["spec"]["template"]["spec"]["volumes"]
    (mount,) = container["volumeMounts"]
    assert mount["name"] == volume["name"]
    for source in volume["projected"]["sources"]:
        ((kind, one),) = source.items()
        manifest = manifests[{"configMap": "ConfigMap", "secret": "Secret"}[kind]]
        assert manifest["metadata"]["name"] == one["name"]
        data = values if kind == "secret" else manifest["data"]
        for item in one["items"]:
            path = folder / item["path"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(data[item["key"]])
    return folder / container["args"][-1].removeprefix(f"{mount['mountPath']}/")


def test_the_configuration_is_good_where_the_pod_finds_it(manifests, tmp_path):
    deployment = load(mounted(manifests, FILLED_IN, tmp_path), {})
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert (deployment.listen.host, deployment.listen.port) == ("0.0.0.0", ports["http"])
    assert (deployment.management.host, deployment.management.port) == ("0.0.0.0", ports["management"])
    assert deployment.listen.trusted_proxies
    assert deployment.state == FILLED_IN["redis-url"]


def test_the_example_of_the_secret_does_for_nothing_until_it_is_filled_in(manifests, tmp_path):
    example = manifests["Secret"]["stringData"]
    assert set(example) == set(FILLED_IN)
    with pytest.raises(ConfigurationError) as refused:
        load(mounted(manifests, example, tmp_path), {})
    assert [(fault.key, fault.wrong) for fault in refused.value.faults] == [("secret[0]", "is only 9 bytes long")]
