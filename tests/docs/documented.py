"""The commands that the documentation shows: where they stand, and their words.

Read from the blocks of the Markdown files and from the examples of every --help. Nothing runs here.
"""

import pathlib
import re
import shlex
import subprocess
from dataclasses import dataclass, field

PROGRAMS = ("edgetp", "edgetp_server", "edgetp_worker")

# Those of scripts/experiments; tests/bench checks them.
EXPERIMENTS = sorted(path.name for path in (pathlib.Path(__file__).resolve().parents[2] / "scripts" / "experiments").iterdir())

# Commands that a test cannot run, with the reason. A command of edgetp inside of one is run all the same.
NOT_RUN = {
    "docker": "needs Docker",
    "docker-compose": "needs Docker",
    "kubectl": "needs a Kubernetes cluster",
    "kind": "needs Docker",
    "helm": "needs a Kubernetes cluster",
    "sbatch": "needs Slurm",
    "srun": "needs Slurm",
    "scancel": "needs Slurm",
    "squeue": "needs Slurm",
    "apptainer": "builds an image",
    "enroot": "builds an image",
    "git": "needs the network",
    "sudo": "installs",
    "apt-get": "installs",
    "cmake": "builds: the tests run what it built",
    "ctest": "runs the tests, this one among them",
    "cpack": "makes a package: scripts/test_package.sh does",
    "scripts/setup.sh": "installs",
    "scripts/test_package.sh": "makes a package, and a system to try it in",
    "ssh": "runs on another machine",
    "scp": "copies to another machine",
    "for": "repeats it on other machines",
    "tar": "copies to where root alone may write",
    "scripts/test_arm64.sh": "builds for another architecture, and needs its compiler",
    "scripts/build.sh": "builds: the tests run what it built",
    "scripts/demo.sh": "builds and sweeps for minutes",
    "scripts/test.sh": "runs the tests, this one among them",
    "scripts/test_sanitizers.sh": "builds and tests for an hour",
    "scripts/test_docker.sh": "needs Docker",
    "scripts/fuzz.sh": "runs for as long as it is told",
    "scripts/measure.sh": "measures for hours",
    **{f"scripts/experiments/{name}": "trains for hours, or simulates for minutes" for name in EXPERIMENTS},
    "scripts/fetch_data.sh": "needs the network",
    "scripts/draw_phase_diagram.py": "simulates for minutes, and needs matplotlib",
    "scripts/draw_validation.py": "needs matplotlib",
    "scripts/pictures.sh": "trains for minutes, and needs Chromium",
    "docker/grafana/check_panels.py": "asks a Prometheus",
    "tail": "follows a log until it is interrupted",
    "ls": "of a folder that a Slurm job makes",
    "gdb": "waits for its user",
    "perf": "needs a kernel that allows it",
    "nvidia-smi": "needs a GPU",
    "pkill": "ends processes that another line starts",
    "python3": "needs packages of Python",
    "curl": "asks a server that another line starts",
}

# Shell that is run as it is, from the folder of the examples.
SHELL = ("scripts/make_test_ca.sh", "openssl", "export", "alias", "mkdir", "cd")


@dataclass
class Command:
    """One line, continued ones joined."""

    place: str  # "README.md:71", "edgetp train --help"
    text: str
    words: list[str]  # of a program of ours, from its name on; else all
    environment: dict[str, str] = field(default_factory=dict)  # that precedes it

    @property
    def name(self) -> str:
        return self.words[0]


class Unknown(Exception):
    """A line that looks like a command that nobody has classified."""


def _own_words(words: list[str]) -> list[str] | None:
    """The words of the program of ours that a line runs, perhaps inside of something else."""
    for at, word in enumerate(words):
        name = pathlib.PurePath(word).name
        if name == "edgetp.sbatch" and len(words) > at + 1:
            return ["edgetp", *words[at + 1 :]]
        # "docker build -t edgetp ." names an image.
        if name in PROGRAMS and (at == 0 or re.fullmatch("[a-z]+", "".join(words[at + 1 : at + 2]))):
            return [name, *words[at + 1 :]]
    return None


def parse_line(place: str, text: str) -> Command | None:
    """Nothing for a comment."""
    words = shlex.split(text, comments=True)
    environment = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, value = words.pop(0).split("=", 1)
        environment[name] = value
    if not words:
        return None
    first = words[0].removeprefix("./")
    if first in SHELL:
        return Command(place, text, [first, *words[1:]], environment)
    own = _own_words(words)
    if own is not None:
        return Command(place, text, own, environment)
    return Command(place, text, [first, *words[1:]], environment)


def _joined(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Lines that end in a backslash continue on the next."""
    joined: list[tuple[int, str]] = []
    continued = False
    for number, line in lines:
        if continued:
            joined[-1] = (joined[-1][0], joined[-1][1][:-1] + line.strip())
        else:
            joined.append((number, line))
        continued = line.endswith("\\")
    return joined


def is_command_block(lines: list[str]) -> bool:
    """By its first line that is no comment: output and formulas begin otherwise."""
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            command = parse_line("", text.rstrip("\\"))
        except ValueError:
            return False
        if command is None:
            return True
        return command.name in PROGRAMS or command.name in SHELL or command.name in NOT_RUN
    return False


def _blocks(text: str) -> list[list[tuple[int, str]]]:
    """The numbered lines of each block: fenced, or indented by four blanks after an empty line."""
    blocks: list[list[tuple[int, str]]] = []
    fenced = indented = False
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            if fenced:
                blocks.append([])
        elif fenced:
            blocks[-1].append((number, line.strip()))
        else:
            starts = line.startswith("    ") and not before.strip()
            if starts:
                blocks.append([])
            indented = line.startswith("    ") and (starts or indented)
            if indented:
                blocks[-1].append((number, line.strip()))
        before = line
    return blocks


def markdown_blocks(root: pathlib.Path, page: pathlib.Path) -> list[list[Command]]:
    """The command blocks of a page. Raises Unknown for a line in one that nobody has classified."""
    place = page.relative_to(root)
    blocks: list[list[Command]] = []
    for lines in _blocks(page.read_text()):
        if is_command_block([text for _, text in lines]):
            found = [parse_line(f"{place}:{at}", text) for at, text in _joined(lines)]
            blocks.append([command for command in found if command is not None])
    for command in (command for block in blocks for command in block):
        if command.name not in PROGRAMS and command.name not in SHELL and command.name not in NOT_RUN:
            raise Unknown(f"{command.place}: `{command.text}` is neither run nor listed in NOT_RUN with a reason")
    return blocks


def _help(program: pathlib.Path, path: list[str]) -> str:
    return subprocess.run([program, *path, "--help"], check=True, capture_output=True, text=True, timeout=60).stdout


def _subcommands(text: str) -> list[str]:
    section = re.search(r"^Subcommands:\n((?:  .*\n?)+)", text, re.MULTILINE)
    return re.findall(r"^  ([a-z_]+) ", section.group(1), re.MULTILINE) if section else []


def help_examples(binaries: pathlib.Path, name: str, path: tuple[str, ...] = ()) -> list[list[Command]]:
    """Each example of a program's --help and of those of its subcommands, as a block of its own."""
    text = _help(binaries / name, list(path))
    place = " ".join([name, *path, "--help"])
    examples: list[list[Command]] = []
    section = re.search(r"^Examples:\n((?:  .*\n?)+)", text, re.MULTILINE)
    # A line that is indented further continues the one before.
    lines = re.sub(r"\n    +", " ", section.group(1)).splitlines() if section else []
    for line in lines:
        command = parse_line(place, line.strip())
        if command is None or command.name not in PROGRAMS:
            raise Unknown(f"{place}: `{line}` is no command of ours")
        examples.append([command])
    for subcommand in _subcommands(text):
        examples += help_examples(binaries, name, (*path, subcommand))
    return examples
