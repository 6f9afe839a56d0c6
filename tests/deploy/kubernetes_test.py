#!/usr/bin/env python3
"""Checks deploy/kubernetes/edgetp.yaml without a cluster: kinds, references between documents, and our own rules.

What the API server alone knows (every field of every kind) is not checked here; see docs/kubernetes.md.
Usage: kubernetes_test.py [EDGETP]; with the program, its network profiles are read, too. Exits 77 without PyYAML.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from typing import Any

try:
    import yaml
except ImportError:
    print("SKIPPED: PyYAML is not installed (Debian: apt-get install python3-yaml)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
EDGETP = sys.argv.pop() if len(sys.argv) > 1 else None
API_VERSIONS = {
    "ConfigMap": "v1",
    "Job": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Service": "v1",
    "StatefulSet": "apps/v1",
}
USER = 10001  # of docker/Dockerfile

Document = dict[str, Any]


class NoDuplicates(yaml.SafeLoader):
    """A loader for which a key that comes twice is an error, as it is for the API server."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f"{node.start_mark}: twice: {twice}")
        return super().construct_mapping(node, deep)


DOCUMENTS: list[Document] = list(
    yaml.load_all((ROOT / "deploy/kubernetes/edgetp.yaml").read_text(), Loader=NoDuplicates)
)


def of_kind(*kinds: str) -> list[Document]:
    return [document for document in DOCUMENTS if document["kind"] in kinds]


def name_of(document: Document) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def workloads() -> list[Document]:
    return of_kind("StatefulSet", "Job")


def pod_of(document: Document) -> Document:
    return document["spec"]["template"]["spec"]


def containers_of(document: Document) -> list[Document]:
    pod = pod_of(document)
    return pod.get("initContainers", []) + pod["containers"]


def containers() -> Iterator[tuple[str, Document]]:
    for workload in workloads():
        for container in containers_of(workload):
            yield f"{name_of(workload)}, container {container['name']}", container


def labels_of(workload: Document) -> dict[str, str]:
    return workload["spec"]["template"]["metadata"]["labels"]


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def arguments_of(container: Document) -> list[str]:
    return container.get("command", []) + container.get("args", [])


def ports_of(container: Document) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}


class DocumentsTest(unittest.TestCase):
    def test_kinds_are_known_and_names_are_unique(self) -> None:
        for document in DOCUMENTS:
            self.assertEqual(API_VERSIONS[document["kind"]], document["apiVersion"], name_of(document))
            self.assertRegex(document["metadata"]["name"], r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
        names = [name_of(document) for document in DOCUMENTS]
        self.assertEqual(len(names), len(set(names)))

    def test_no_document_names_a_namespace(self) -> None:
        for document in DOCUMENTS:
            self.assertNotIn("namespace", document["metadata"], name_of(document))

    def test_selectors_match_the_labels_of_their_own_pods(self) -> None:
        for workload in of_kind("StatefulSet"):
            selector = workload["spec"]["selector"]["matchLabels"]
            self.assertTrue(selects(selector, labels_of(workload)), name_of(workload))
            others = [other for other in workloads() if other is not workload]
            self.assertFalse(any(selects(selector, labels_of(other)) for other in others), name_of(workload))

    def test_services_select_one_workload_and_name_its_ports(self) -> None:
        for service in of_kind("Service"):
            spec = service["spec"]
            chosen = [workload for workload in workloads() if selects(spec["selector"], labels_of(workload))]
            self.assertEqual(len(chosen), 1, name_of(service))
            self.assertEqual(chosen[0]["spec"]["serviceName"], service["metadata"]["name"])
            known = ports_of(containers_of(chosen[0])[0])
            for port in spec["ports"]:
                self.assertEqual(known[port["targetPort"]], port["port"], f"{name_of(service)}, {port['name']}")

    def test_the_network_policy_covers_every_pod(self) -> None:
        (policy,) = of_kind("NetworkPolicy")
        for workload in workloads():
            self.assertTrue(selects(policy["spec"]["podSelector"]["matchLabels"], labels_of(workload)))


class PodsTest(unittest.TestCase):
    def test_all_containers_run_one_image(self) -> None:
        self.assertEqual({container["image"] for _, container in containers()}, {"edgetp:latest"})

    def test_mounts_are_declared_and_volumes_are_used(self) -> None:
        config_maps = {document["metadata"]["name"] for document in of_kind("ConfigMap")}
        for workload in workloads():
            claims = workload["spec"].get("volumeClaimTemplates", [])
            volumes = pod_of(workload).get("volumes", [])
            declared = {volume["name"] for volume in volumes} | {claim["metadata"]["name"] for claim in claims}
            mounted = {mount["name"] for c in containers_of(workload) for mount in c.get("volumeMounts", [])}
            self.assertEqual(declared, mounted, name_of(workload))
            self.assertLessEqual({v["configMap"]["name"] for v in volumes if "configMap" in v}, config_maps)

    def test_resources_are_requested_and_memory_is_limited(self) -> None:
        for name, container in containers():
            self.assertLessEqual({"cpu", "memory"}, container["resources"]["requests"].keys(), name)
            self.assertIn("memory", container["resources"]["limits"], name)

    def test_pods_have_no_privileges(self) -> None:
        for workload in workloads():
            pod = pod_of(workload)
            self.assertFalse(pod["automountServiceAccountToken"], name_of(workload))
            self.assertTrue(pod["securityContext"]["runAsNonRoot"], name_of(workload))
            self.assertEqual(pod["securityContext"]["runAsUser"], USER, name_of(workload))
        for name, container in containers():
            context = container["securityContext"]
            self.assertFalse(context["allowPrivilegeEscalation"], name)
            self.assertTrue(context["readOnlyRootFilesystem"], name)
            self.assertEqual(context["capabilities"], {"drop": ["ALL"]}, name)

    def test_probes_ask_a_port_that_the_program_listens_on(self) -> None:
        for workload in of_kind("StatefulSet"):
            for container in containers_of(workload):
                self.check_ports(name_of(workload), container)

    def check_ports(self, name: str, container: Document) -> None:
        listening = {int(port) for port in re.findall(r"=0\.0\.0\.0:(\d+)", " ".join(container["args"]))}
        self.assertEqual(set(ports_of(container).values()), listening, name)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertIn(container[probe]["grpc"]["port"], listening, f"{name}, {probe}")

    def test_scraped_pods_serve_metrics_at_the_annotated_port(self) -> None:
        for workload in of_kind("StatefulSet"):
            annotations = workload["spec"]["template"]["metadata"]["annotations"]
            port = ports_of(containers_of(workload)[0])["metrics"]
            self.assertEqual(annotations["prometheus.io/scrape"], "true", name_of(workload))
            self.assertEqual(annotations["prometheus.io/port"], str(port), name_of(workload))

    def test_variables_in_arguments_are_defined(self) -> None:
        for name, container in containers():
            defined = {variable["name"] for variable in container.get("env", [])}
            if container["command"][0] != "sh":
                used = set(re.findall(r"\$\(([A-Z_]+)\)", " ".join(arguments_of(container))))
                self.assertLessEqual(used, defined, name)

    def test_clients_and_workers_address_the_servers_service(self) -> None:
        (server,) = [s for s in of_kind("Service") if s["metadata"]["name"] == "edgetp-server"]
        address = f"edgetp-server:{server['spec']['ports'][0]['port']}"
        for name, container in containers():
            values = [a.removeprefix("--server=") for a in arguments_of(container) if a.startswith("--server=")]
            values += [v["value"] for v in container.get("env", []) if v["name"] == "EDGETP_SERVER"]
            self.assertLessEqual(set(values), {address}, name)

    def test_the_job_uses_as_many_workers_as_there_are(self) -> None:
        (worker,) = [s for s in of_kind("StatefulSet") if s["metadata"]["name"] == "edgetp-worker"]
        (job,) = of_kind("Job")
        wait, train = containers_of(job)
        self.assertIn(f"--workers={worker['spec']['replicas']}", train["args"])
        self.assertIn(f"-ge {worker['spec']['replicas']} ]", wait["args"][0])


class ProfilesTest(unittest.TestCase):
    def test_every_profile_is_one_that_edgetp_reads(self) -> None:
        if EDGETP is None:
            self.skipTest("no edgetp program was given")
        (profiles,) = of_kind("ConfigMap")
        with tempfile.TemporaryDirectory() as folder:
            # As Kubernetes mounts it: links into a hidden folder.
            hidden = pathlib.Path(folder, "networks", "..data")
            hidden.mkdir(parents=True)
            for file, text in profiles["data"].items():
                (hidden / file).write_text(text)
                (hidden.parent / file).symlink_to(hidden / file)
                environment = os.environ | {"EDGETP_CONFIG_PATH": folder}
                command = [EDGETP, "network", "show", file.removesuffix(".textproto")]
                shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
                self.assertEqual(shown.returncode, 0, shown.stderr)


if __name__ == "__main__":
    unittest.main()
