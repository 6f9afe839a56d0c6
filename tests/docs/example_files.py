"""The files that examples name, small."""

import json
import pathlib
import shutil
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = "".join(f"The quick brown fox jumps over the lazy dog, {i} times.\nROMEO: to be!\n" for i in range(200))


def write_small_gpt2(path: pathlib.Path) -> None:
    """Twelve layers of GPT-2, as the published file has them, but narrow."""
    layers, channels, sequence, vocabulary = 12, 128, 16, 300
    shapes = {"wte.weight": [vocabulary, channels], "wpe.weight": [sequence, channels]}
    for layer in range(layers):
        block = f"h.{layer}."
        sizes = {"attn.c_attn": 3, "attn.c_proj": 1, "mlp.c_fc": 4}
        shapes |= {f"{block}{name}.weight": [channels, n * channels] for name, n in sizes.items()}
        shapes |= {f"{block}{name}.bias": [n * channels] for name, n in sizes.items()}
        shapes[block + "mlp.c_proj.weight"] = [4 * channels, channels]
        for name in ("mlp.c_proj.bias", "ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"):
            shapes[block + name] = [channels]
    shapes |= {"ln_f.weight": [channels], "ln_f.bias": [channels]}
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


def write_gpt2_tables(folder: pathlib.Path) -> None:
    """encoder.json and vocab.bpe as published, from the merges that the unit tests keep."""
    seen = [byte for byte in range(256) if 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174]
    others = [byte for byte in range(256) if byte not in seen]
    tokens = [chr(byte) for byte in seen] + [chr(256 + i) for i in range(len(others))]
    merges = ["#version: 0.2"]
    for left, right in struct.iter_unpack("<HH", (ROOT / "tests/data/gpt2/merges.bin").read_bytes()):
        merges.append(f"{tokens[left]} {tokens[right]}")
        tokens.append(tokens[left] + tokens[right])
    tokens.append("<|endoftext|>")
    folder.mkdir()
    (folder / "encoder.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "vocab.bpe").write_text("\n".join(merges) + "\n")


def prepare(folder: pathlib.Path) -> None:
    """The files that examples name."""
    (folder / "data").mkdir()
    (folder / "data/tinyshakespeare.txt").write_text(TEXT)
    (folder / "my.txt").write_text(TEXT)
    for name in ("folder-with-bins", "openwebtext"):
        (folder / name).mkdir()
        for split in ("train", "val"):
            tokens = [i * 7 % 300 for i in range(2000)]
            (folder / name / f"{split}.bin").write_bytes(struct.pack(f"<{len(tokens)}H", *tokens))
    (folder / "texts").mkdir()
    (folder / "texts/more.txt").write_text(TEXT)
    (folder / "texts/lines.jsonl").write_text('{"text": "To be, or not to be."}\n')
    write_gpt2_tables(folder / "gpt2-files")
    write_small_gpt2(folder / "gpt2.safetensors")
    shutil.copy(ROOT / "configs/devices/raspberry-pi-5.textproto", folder / "mine.textproto")
    for board in ("pi1", "pi2", "pi3", "pi4"):
        profile = (ROOT / "configs/devices/raspberry-pi-5.textproto").read_text()
        (folder / f"{board}.textproto").write_text(profile.replace("raspberry-pi-5\"", f"{board}\""))
    shutil.copy(ROOT / "configs/networks/lte.textproto", folder / "my.textproto")
    for link in ("scripts", "configs", "docker"):
        (folder / link).symlink_to(ROOT / link)
    # Some pages name the keys of a cluster with their folder, some without: they are one set.
    (folder / "keys").symlink_to(".")
    (folder / "token").write_text("0123456789abcdef0123456789abcdef\n")
    if shutil.which("openssl"):
        subprocess.run([ROOT / "scripts/make_test_ca.sh", folder], check=True, capture_output=True)
