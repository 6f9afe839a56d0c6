#!/usr/bin/env python3
"""Checks docker-compose.yml without an engine: what containers may do, and that no password is known to everybody.

scripts/test_docker.sh is the real test. Exits 77 without PyYAML.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from typing import Any

try:
    import yaml
except ImportError:
    print("SKIPPED: PyYAML is not installed (Debian: apt-get install python3-yaml)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def defaults() -> dict[str, str]:
    """The variables of .env."""
    lines = (ROOT / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class ImagesTest(unittest.TestCase):
    NOT_IN_IMAGES = {"bench", "build", "data", "docs", "runs", "tests"}

    def test_an_image_is_built_from_every_folder_of_the_source(self) -> None:
        folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
        allowed = (ROOT / ".dockerignore").read_text().splitlines()
        for dockerfile in ("Dockerfile", "nvidia.Dockerfile"):
            text = (ROOT / "docker" / dockerfile).read_text()
            copied = {line.split()[1].split("/")[0] for line in text.splitlines() if line.startswith("COPY ")}
            for folder in folders - self.NOT_IN_IMAGES - {"docker"}:
                self.assertIn(folder, copied, dockerfile)
                self.assertIn(f"!{folder}", allowed)


    def test_the_image_can_be_built_for_every_architecture(self) -> None:
        lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
        for line in (line for line in lines if not line.startswith("#")):
            for name in ("amd64", "x86", "arm64", "aarch64", "linux-gnu", "--platform"):
                self.assertNotIn(name, line)


class ContainersTest(unittest.TestCase):
    def test_no_container_has_privileges(self) -> None:
        for name, service in SERVICES.items():
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"], name)
            for privilege in ("privileged", "cap_add", "devices", "network_mode", "pid", "user"):
                self.assertNotIn(privilege, service, name)

    def test_a_container_writes_to_memory_and_to_its_own_volume_alone(self) -> None:
        writable = {}
        for name, service in SERVICES.items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(service["tmpfs"], ["/tmp"], name)
            writable[name] = [v for v in service.get("volumes", []) if not v.endswith(":ro")]
        expected = {
            "server": ["runs:/var/lib/edgetp/runs"],
            "worker": [],
            "train": [],
            "prometheus": ["metrics:/prometheus"],
            "grafana": ["dashboards:/var/lib/grafana"],
        }
        self.assertEqual(writable, expected)

    def test_ports_are_published_where_edgetp_bind_says_and_that_is_loopback(self) -> None:
        self.assertEqual(defaults()["EDGETP_BIND"], "127.0.0.1")
        for name, service in SERVICES.items():
            for port in service.get("ports", []):
                self.assertTrue(port.startswith("${EDGETP_BIND:-127.0.0.1}:"), f"{name}: {port}")


class GrafanaPasswordTest(unittest.TestCase):
    """docker/grafana/start.sh, with a program in Grafana's place that prints the password it is given."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.stand_in = pathlib.Path(self.folder.name, "grafana")
        self.stand_in.write_text('#!/bin/sh\nprintf "%s" "$GF_SECURITY_ADMIN_PASSWORD"\n')
        self.stand_in.chmod(0o755)

    def start(self, password: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "GF_PATHS_DATA": self.folder.name,
            "GRAFANA_RUN": str(self.stand_in),
            "GRAFANA_PASSWORD": password,
        }
        command = ["/bin/sh", str(ROOT / "docker/grafana/start.sh")]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=30).stdout

    def test_nobody_knows_the_default(self) -> None:
        self.assertEqual(defaults()["GRAFANA_PASSWORD"], "")
        environment = SERVICES["grafana"]["environment"]
        self.assertEqual(environment["GRAFANA_PASSWORD"], "${GRAFANA_PASSWORD:-}")
        self.assertNotIn("GF_SECURITY_ADMIN_PASSWORD", environment)

    def test_a_password_is_made_up_once_and_kept_for_its_owner(self) -> None:
        first = self.start("")
        self.assertRegex(first, r"^[-_A-Za-z0-9]{32}$")
        self.assertEqual(self.start(""), first)
        kept = pathlib.Path(self.folder.name, "admin-password")
        self.assertEqual(kept.read_text().strip(), first)
        self.assertEqual(kept.stat().st_mode & 0o077, 0)

    def test_a_password_that_is_set_is_taken(self) -> None:
        self.assertEqual(self.start("correct horse"), "correct horse")
        self.assertFalse(pathlib.Path(self.folder.name, "admin-password").exists())


if __name__ == "__main__":
    unittest.main()
