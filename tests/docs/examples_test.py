#!/usr/bin/env python3
"""Runs every example of every --help and every command block of README.md and docs/*.md, shortened.

Shortened: two steps instead of thousands, small models in place of GPT-2, ports that are free. What the words mean is
checked all the same, by the programs. Usage: examples_test.py BUILD/bin [PART OF A PLACE]
"""

import concurrent.futures
import contextlib
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time

import documented
from clusters import BINARIES, ROOT, Clusters, Daemon, Failed
from documented import Command
from example_files import prepare

ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
LIMIT_S = 120
LANES = 4
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

# Of what trains: its steps, and a model that takes milliseconds.
SHORT_TRAINING = ["--steps=2", "--set=train.eval_windows=1", "--batch=1"]
SMALL = [f"--set=model.{size}" for size in ("heads=2", "channels=128", "sequence=16", "vocabulary=300")]
LARGE_MODELS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "gpt3")


def value_of(words: list[str], option: str) -> str | None:
    for word in words:
        if word.startswith(option + "="):
            return word.split("=", 1)[1]
    return None


def without(words: list[str], *options: str) -> list[str]:
    return [word for word in words if word.split("=", 1)[0] not in options]


class Block:
    """Commands that stand together: servers and workers of one stay until its end."""

    def __init__(self, commands: list[Command], folder: pathlib.Path, clusters: Clusters):
        self.commands, self.folder, self.clusters = commands, folder, clusters
        self.environment = clusters.environment()
        self.daemons: list[Daemon] = []
        self.server: Daemon | None = None

    def run(self) -> list[str]:
        faults = []
        try:
            for command in self.commands:
                self._run(command)
        except (Failed, subprocess.TimeoutExpired, subprocess.CalledProcessError) as fault:
            faults.append(str(fault))
        for daemon in reversed(self.daemons):
            try:
                daemon.stop()
            except (Failed, subprocess.TimeoutExpired) as fault:
                faults.append(str(fault))
        return faults

    def _run(self, command: Command) -> None:
        for word in command.words:
            path = word.removeprefix("./")
            if re.match(r"(docker|scripts)/[\w./-]+$", path) and not (ROOT / path).exists():
                raise Failed(f"{command.place}: `{command.text}`: there is no {path}")
        if command.name == "export":
            for assignment in command.words[1:]:
                name, value = assignment.split("=", 1)
                self.environment[name] = value
        elif command.name in ("alias", "cd"):
            pass
        elif command.name in documented.SHELL:
            self._shell(command)
        elif command.name in documented.PROGRAMS:
            self._own(command)

    def _shell(self, command: Command) -> None:
        if "openssl" in command.text and not shutil.which("openssl"):
            return
        result = subprocess.run(
            ["bash", "-c", command.text], cwd=self.folder, capture_output=True, text=True, timeout=LIMIT_S
        )
        if result.returncode != 0:
            raise Failed(f"{command.place}: `{command.text}` ended with {result.returncode}:\n{result.stderr}")

    def _security(self, words: list[str]) -> tuple[bool, bool]:
        tls = value_of(words, "--tls_ca") or self.environment.get("EDGETP_TLS_CA")
        token = value_of(words, "--token_file") or self.environment.get("EDGETP_TOKEN_FILE")
        return bool(tls), bool(token)

    def _address(self, words: list[str]) -> str:
        if self.server is not None:
            return self.server.address
        return self.clusters.at(*self._security(words))[0].address

    def _own(self, command: Command) -> None:
        words = [re.sub(r"^(--token_file=).*JOBID/token$", r"\1token", word) for word in command.words]
        if any(word.startswith("--tls") for word in words) and not shutil.which("openssl"):
            return
        if value_of(words, "--chart") and not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
            return
        environment = self.environment | {k: v for k, v in command.environment.items() if k.startswith("EDGETP_TLS")}
        if "--insecure" in words:  # nothing listens beyond loopback here
            words.remove("--insecure")
        is_daemon = words[0] != "edgetp" or words[1:2] == ["up"]
        words = [re.sub(r"^--device=cuda.*", "--device=cpu", word) for word in words]  # no GPU is needed here
        words = self._listening(words) if is_daemon else self._client(words)
        if is_daemon:
            # One line stands for the workers of several hosts.
            several = words[0] == "edgetp_worker" and len(self.commands) > 1
            for _ in range(2 if several else 1):
                self.daemons.append(Daemon(words, environment, self.folder, command.place))
            if words[0] != "edgetp_worker":
                self.server = self.daemons[-1]
            return
        result = subprocess.run(
            [BINARIES / words[0], *words[1:]], cwd=self.folder, env=environment, capture_output=True, text=True,
            timeout=LIMIT_S,
        )
        if result.returncode != 0:
            raise Failed(
                f"{command.place}: `{command.text}`\n  run as: {' '.join(words)}\n"
                f"  ended with {result.returncode}: {result.stderr}"
            )

    def _listening(self, words: list[str]) -> list[str]:
        """On ports of loopback that are free."""
        free = [f"{option}=127.0.0.1:0" for option in ("--listen", "--metrics", "--status", "--page") if value_of(words, option)]
        server = [f"--server={self._address(words)}"] if words[0] == "edgetp_worker" else []
        if words[0] == "edgetp" and not value_of(words, "--listen"):
            free.append("--listen=127.0.0.1:0")
        if words[0] == "edgetp_server":
            free = ["--listen=127.0.0.1:0", "--metrics=127.0.0.1:0"]
        kept = without(words, "--listen", "--metrics", "--status", "--page", "--server", "--advertise", "--runs", "--ready_file")
        return kept + free + server

    def _client(self, words: list[str]) -> list[str]:
        words = [word.replace("/data/openwebtext", "openwebtext") for word in words]
        command = words[1] if len(words) > 1 else ""
        shorten = getattr(self, f"_short_{command}", None)
        if shorten is not None:
            words = shorten(words)
        if value_of(words, "--server"):
            words = without(words, "--server") + [f"--server={self._address(words)}"]
        return words

    def _with_address(self, words: list[str]) -> list[str]:
        return without(words, "--server") + [f"--server={self._address(words)}"]

    _short_status = _short_stop = _with_address

    def _short_watch(self, words: list[str]) -> list[str]:
        """One look, at a run that goes on; one of the block may do so already."""
        words = self._with_address(without(words, "--once"))
        if not any("train" in daemon.words for daemon in self.daemons):
            self._start_run(words)
        return [*words[:2], "--once", *(word for word in words[2:] if word.startswith("--"))]

    def _short_network(self, words: list[str]) -> list[str]:
        if words[2] in ("list", "show"):
            return words
        words = self._with_address(words)
        if value_of(words, "--for"):
            self._start_run(words)
        return words

    def _start_run(self, words: list[str]) -> None:
        """What changes a network for a while wants a run that goes on meanwhile: one that the block's end stops."""
        server = value_of(words, "--server")
        train = ["edgetp", "train", f"--server={server}", "--workers=4", "--pattern=tttt", "--steps=1000000", "--batch=1"]
        self.daemons.append(Daemon(train, self.environment, self.folder, "a run for the examples"))

    def _short_health(self, words: list[str]) -> list[str]:
        if "--worker" not in words:
            return [*words[:2], self._address(words), *words[3:]]
        port = self.clusters.at(*self._security(words))[1][0].output()
        return [*words[:2], "127.0.0.1:" + re.search(r"status port (\d+)", port).group(1), *words[3:]]

    def _short_train(self, words: list[str]) -> list[str]:
        large = value_of(words, "--model") in LARGE_MODELS
        run = value_of(words, "--run")
        if run:
            shutil.rmtree(self.folder / "runs" / run, ignore_errors=True)
        resumed = value_of(words, "--resume")
        if resumed:
            self._make_run(resumed)
            return [re.sub(r"^--steps=.*", "--steps=3", word) for word in words]
        if "--init_from=gpt2.safetensors" in words:
            return without(words, "--steps", "--batch") + SHORT_TRAINING
        small = SMALL if large else []
        if value_of(words, "--data") == "my-tokens":  # of GPT-2's whole vocabulary
            small = [word for word in small if "vocabulary" not in word]
        return without(words, "--steps", "--batch") + SHORT_TRAINING + small

    def _short_sweep(self, words: list[str]) -> list[str]:
        """Many runs, none of which waits."""
        return self._short_train(words) + ["--clock=simulated"] * (value_of(words, "--clock") is None)

    def _short_report(self, words: list[str]) -> list[str]:
        for run in words[2:]:
            if not run.startswith("--"):
                self._make_run("base" if run == "runs" else run)
        return words

    def _short_search(self, words: list[str]) -> list[str]:
        """Few patterns of few layers, none of them for long."""
        words = without(words, "--steps", "--batch", "--seeds", "--max_mixtures", "--rungs", "--eval_windows")
        if value_of(words, "--weights"):
            return [*words, "--max_mixtures=1", "--rungs=1", "--eval_windows=1"]
        return [*words, *SHORT_TRAINING, "--max_mixtures=1", "--set=model.layers=2"]

    def _short_sample(self, words: list[str]) -> list[str]:
        self._make_run(value_of(words, "--run"))
        return without(words, "--tokens") + ["--tokens=3"]

    def _short_eval(self, words: list[str]) -> list[str]:
        if value_of(words, "--run"):
            self._make_run(value_of(words, "--run"))
        return without(words, "--windows") + ["--windows=1"]

    def _short_export(self, words: list[str]) -> list[str]:
        if value_of(words, "--metrics"):
            return self._short_report(words)
        self._make_run(value_of(words, "--run"))
        return without(words, "--step")

    def _short_calibrate(self, words: list[str]) -> list[str]:
        out = value_of(words, "--out")
        if out:
            (self.folder / out).unlink(missing_ok=True)
        large = value_of(words, "--model") in LARGE_MODELS
        words = words + ["--batch=1"] * (value_of(words, "--batch") is None) + ["--set=model.layers=1"]
        return words + (SMALL if large else [])

    def _short_bench(self, words: list[str]) -> list[str]:
        if "decode" in words:
            short = without(words, "--tokens", "--prompt_tokens", "--batch")
            return [*short, "--tokens=2", "--prompt_tokens=3", "--set=model.channels=96", "--set=model.vocabulary=300"]
        return without(words, "--iterations") + ["--iterations=3"]

    def _short_simulate(self, words: list[str]) -> list[str]:
        """Few ranks; of a training step, few steps of few boards, and messages of few segments."""
        words = [re.sub(r"^--workers=\d{3,}$", "--workers=16", word) for word in words]
        if any(word.split("=", 1)[0] in ("--bytes", "--decode", "--scenario") for word in words):
            return words
        words = without(words, "--steps", "--draws") + ["--steps=3", "--draws=2"]
        return words + ["--set=model.sequence=16"] * ("model.sequence" not in " ".join(words))

    def _short_advise(self, words: list[str]) -> list[str]:
        large = value_of(words, "--model") in LARGE_MODELS
        return without(words, "--max_workers") + ["--max_workers=2"] + (SMALL if large else [])

    def _make_run(self, name: str) -> None:
        """A run of that name, with a checkpoint."""
        target = self.folder / "runs" / name
        base = self.folder / "base"
        if not base.exists():
            command = ["train", "--pattern=sppp", "--run=base", f"--runs={self.folder}", *SHORT_TRAINING]
            subprocess.run([BINARIES / "edgetp", *command], cwd=self.folder, env=self.environment, check=True,
                           capture_output=True, timeout=LIMIT_S)
        if not target.exists():
            shutil.copytree(base, target)


def all_blocks() -> list[list[Command]]:
    blocks = [block for page in PAGES for block in documented.markdown_blocks(ROOT, page)]
    examples = [block for name in documented.PROGRAMS for block in documented.help_examples(BINARIES, name)]
    # A subcommand shows those of its command, too.
    blocks += {block[0].text: block for block in reversed(examples)}.values()
    return [block for block in blocks if any(ONLY in command.place for command in block)]


def run_alone(block: list[Command], clusters: Clusters, folder: pathlib.Path) -> list[str]:
    started = time.monotonic()
    faults = Block(block, folder, clusters).run()
    print(f"{time.monotonic() - started:5.1f} s  {block[0].place}", flush=True)
    return faults


def by_page(blocks: list[list[Command]]) -> list[list[list[Command]]]:
    """What one page, or one --help, shows: later blocks may need what earlier ones have made. Large pages first."""
    pages: dict[str, list[list[Command]]] = {}
    for block in blocks:
        pages.setdefault(block[0].place.split(":")[0], []).append(block)
    return sorted(pages.values(), key=lambda page: sum(map(len, page)), reverse=True)


def run_pages(pages: queue.SimpleQueue) -> list[str]:
    """Takes pages until none is left, in a folder and on clusters of its own."""
    faults = []
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgetp-examples-")))
        prepare(folder)
        clusters = Clusters(folder)
        stack.callback(clusters.stop)
        with contextlib.suppress(queue.Empty):
            while True:
                for block in pages.get_nowait():
                    faults += run_alone(block, clusters, folder)
    return faults


def main() -> int:
    blocks = all_blocks()
    pages: queue.SimpleQueue = queue.SimpleQueue()
    for page in by_page(blocks):
        pages.put(page)
    lanes = min(LANES, os.cpu_count() or 1)  # most of an example's time is the start of its processes
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        running = [pool.submit(run_pages, pages) for _ in range(lanes)]
        faults = [fault for lane in running for fault in lane.result()]
    for fault in faults:
        print(f"FAILED {fault}\n")
    print(f"{sum(len(block) for block in blocks)} commands in {len(blocks)} blocks, {len(faults)} failed")
    return 1 if faults or not blocks else 0


if __name__ == "__main__":
    sys.exit(main())
