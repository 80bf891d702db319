"""The generator: nothing is stale, contradictions are refused, defaults work on both sides."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from ugpt.rpc import codec
from ugpt.rpc.codec import decode
from ugpt.rpc.errors import ProtocolError
from ugpt.rpc.schema import Layout

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "protocol"
COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")

EXAMPLE = """
[protocol]
major = 1
minor = 2
[limits]
frame_max_bytes = { value = 64, doc = "Small." }
[enums.Colour]
doc = "A colour."
values = [{ name = "red", value = 0, doc = "Red." }, { name = "blue", value = 4, doc = "Blue." }]
[records.Point]
doc = "A point."
fields = [
    { name = "x", type = "u8", doc = "Across." },
    { name = "y", type = "u16", min = 3, max = 999, default = 7, doc = "Up." },
]
[methods.paint]
doc = "Paints."
task = "link"
params = [
    { name = "point", type = "Point", doc = "Where." },
    { name = "width", type = "f32", min = 0, max = 2, default = 1.5, doc = "How wide." },
    { name = "colour", type = "Colour", default = "blue", doc = "In which colour." },
    { name = "title", type = "str", max_bytes = 9, default = "a \\"b\\"", doc = "Of what." },
    { name = "wet", type = "bool", default = true, doc = "Whether it is wet." },
    { name = "gloss", type = "f32", min = 0, max = 1, optional = true, since = 1, doc = "Shine." },
    { name = "layers", type = "[u32]", max_items = 3, default = [], since = 2, doc = "Below it." },
]
result = []
[errors.dry]
code = 1
doc = "No paint."
advice = "Buy some."
[errors.bad_params]
code = 3
doc = "No such colour."
advice = "Choose another."
"""

CPP_TEST = """
#include "rpc/envelope.h"
using namespace ugpt::rpc;
int main() {
    const std::uint8_t body[] = {0x91, 0x91, 0x05};
    Reader reader(body);
    PaintParams params;
    params.point.y = 900;
    params.wet = false;
    FieldError error;
    if (!decode(reader, params, error)) return 1;
    if (params.point.x != 5 || params.point.y != 7 || params.width != 1.5f) return 2;
    if (params.colour != Colour::blue || params.title != "a \\"b\\"" || !params.wet) return 3;
    if (params.gloss.present || params.layers.count != 0) return 7;
    std::uint8_t room[64];
    params.layers.push_back(6);
    for (const float gloss : {-1.0f, 0.25f}) {  // without and with
        if (gloss >= 0) params.gloss = gloss;
        Writer writer(room);
        encode(writer, params);
        Reader again(writer.written());
        PaintParams same;
        if (!decode(again, same, error) || same.gloss != params.gloss) return 8;
        if (same.layers.count != 1 || same.layers.items[0] != 6 || same.wet != params.wet) return 9;
    }
    const std::uint8_t beyond[] = {0x96, 0x91, 5, 1, 4, 0xa0, 0xc3, 2};
    Reader too_much(beyond);
    if (decode(too_much, params, error) || error.field != "gloss") return 10;
    if (PaintParams{}.point.y != 7 || PaintParams{}.width != 1.5f) return 4;
    const std::uint8_t empty[] = {0x91, 0x90};
    Reader missing(empty);
    if (decode(missing, params, error) || error.field != "x") return 5;
    return error.fault == FieldFault::missing ? 0 : 6;
}
"""


HANDLER_TEST = """
#include "app/dispatch.h"
namespace ugpt::app {
class LinkTask { public: unsigned seen = 0; };
#ifdef WITH_HANDLER
CallError handle(LinkTask& link, const rpc::PaintParams& params, rpc::PaintResult&) {
    link.seen = params.point.y;
    return params.wet ? rpc::ErrorCode::dry : rpc::ErrorCode::none;
}
#endif
}
using namespace ugpt;
int main() {
    const app::Route& route = app::route(rpc::Method::paint);
    if (route.link == nullptr || route.trainer != nullptr) return 1;
    app::LinkTask link;
    std::array<std::uint8_t, 256> out;
    rpc::Request request;
    const std::uint8_t body[] = {0x94, 0, 1, 0xa5, 'p', 'a', 'i', 'n', 't', 0x91, 0x92, 5, 8};
    if (rpc::parse_request(body, request) != rpc::Envelope::request) return 2;
    if (route.link(link, request, out)[3] != 0x93 || link.seen != 8) return 3;  // dry
    const std::uint8_t bad[] = {0x94, 0, 1, 0xa5, 'p', 'a', 'i', 'n', 't', 0x91, 0x92, 5, 1};
    if (rpc::parse_request(bad, request) != rpc::Envelope::request) return 4;
    if (route.link(link, request, out)[4] != 3) return 5;  // bad_params
    return link.seen == 8 ? 0 : 6;  // the handler has not seen it
}
"""


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """protocol/generator as a module of its own name, whatever else is called so."""
    spec = importlib.util.spec_from_file_location(
        "ugpt_protocol_generator",
        PROTOCOL / "generator" / "__init__.py",
        submodule_search_locations=[str(PROTOCOL / "generator")],
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    for name in ("reading", "cpp", "dispatch", "python", "reference", "golden"):
        importlib.import_module(f"{spec.name}.{name}")
    return module


def test_generated_files_are_not_stale() -> None:
    run = subprocess.run(
        [sys.executable, str(PROTOCOL / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_stale_file_is_found_and_written(tmp_path: Path) -> None:
    for name in ("protocol", "device/src/app", "device/src/rpc", "host/ugpt", "docs", "tests/rpc"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copytree(PROTOCOL, tmp_path / "protocol", dirs_exist_ok=True)

    def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(tmp_path / "protocol" / "generate.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert generate("--check").returncode == 1
    assert generate().returncode == 0
    assert generate("--check").returncode == 0
    for name in (
        "device/src/app/handlers.h",
        "device/src/app/handlers.cpp",
        "device/src/rpc/messages.h",
        "device/src/rpc/messages.cpp",
        "host/ugpt/rpc/messages.py",
        "docs/protocol.md",
        "tests/rpc/golden.inc",
        "tests/rpc/every_message.inc",
    ):
        assert (tmp_path / name).read_text("utf-8") == (ROOT / name).read_text("utf-8")
    page = tmp_path / "docs" / "protocol.md"
    page.write_text(page.read_text("utf-8") + "\n", "utf-8")
    stale = generate("--check")
    assert stale.returncode == 1
    assert "stale: docs/protocol.md" in stale.stdout
    schema = tmp_path / "protocol" / "ugpt.toml"
    schema.write_text(schema.read_text("utf-8").replace('"u16"', '"u17"', 1), "utf-8")
    broken = generate()
    assert broken.returncode == 1
    assert "no such type" in broken.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('type = "u8"', 'type = "u9"', "records.Point.x: no such type"),
        ('type = "Point"', 'type = "Pint"', "methods.paint.params.point: no such type"),
        ("min = 3", "min = 1000", "min is above max"),
        ("default = 7", "default = 1000", "the default lies outside the range"),
        ("default = 1.5", "default = 2.5", "the default lies outside the range"),
        ("max = 999", "max = 65536", "must be an integer from 0 to 65535"),
        ("min = 0, max = 2", "min = 0", "both `min` and `max`"),
        (", max_bytes = 9", "", "max_bytes: must be an integer"),
        ("max_bytes = 9", "max_items = 9", "a str has no `max_items`"),
        ('"blue", doc', '"green", doc', "Colour has no value 'green'"),
        (", default = true", "", "needs a default, since title before it has one"),
        ("default = true", "default = 1", "the default of a bool"),
        ("default = []", "default = [1]", "the default of a [u32] is empty"),
        ("optional = true", "optional = true, default = 1.0", "an optional field is nil"),
        ("optional = true, ", "", "params.gloss: was added later and needs a default"),
        (
            '"u8", doc',
            '"u8", since = 1, doc',
            "records.Point.x: was added later and needs a default",
        ),
        ('"Point", doc', '"Point", optional = true, doc', "a Point has no `optional`"),
        ("since = 1, doc", "since = 3, doc", "fields are appended, so its `since` is wrong"),
        ("since = 2, doc", "since = 3, doc", "since minor 3, but the schema's is 2"),
        ('task = "link"', 'task = "link"\nsince = 9', "methods.paint: since minor 9"),
        ('task = "link"', 'task = "boss"', "task is"),
        ('name = "y"', 'name = "x"', "'x' appears twice"),
        ('name = "y"', 'name = "class"', "a keyword of C++ or Python"),
        ('name = "y"', 'name = "Y"', "not a snake_case name"),
        ("value = 4", "value = 0", "0 appears twice"),
        ("value = 4", "value = 32", "must be an integer from 0 to 31"),
        ('type = "u16"', 'type = "u64"', "a u64 has no `min`"),
        ("code = 1", "code = 0", "code 0 means"),
        ('advice = "Buy some."', "", "`advice` is missing"),
        ('advice = "Buy some."', 'advice = ""', "must be a sentence"),
        ("minor = 2", "minor = 2\nbuild = 3", "does not know `build`"),
        ("[records.Point]", "[records.Colour]", "Colour is defined twice"),
        ("[protocol]", "[protocol", "not TOML"),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused(
    generator: ModuleType, old: str, new: str, words: str
) -> None:
    reading = sys.modules[f"{generator.__name__}.reading"]
    assert old in EXAMPLE
    reading.parse(EXAMPLE)
    with pytest.raises(reading.SchemaError) as caught:
        reading.parse(EXAMPLE.replace(old, new, 1))
    assert words in str(caught.value)


def test_defaults_stand_in_for_missing_fields_in_python(
    generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = sys.modules[f"{generator.__name__}.reading"].parse(EXAMPLE)
    path = tmp_path / "example.py"
    path.write_text(sys.modules[f"{generator.__name__}.python"].module(schema), "utf-8")
    spec = importlib.util.spec_from_file_location("ugpt.rpc.example_messages", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, example)
    spec.loader.exec_module(example)

    params = Layout("params", example.METHODS["paint"].params, example.paint)
    paint = decode(params, [[5]])
    assert paint == example.paint(example.Point(x=5))
    monkeypatch.setattr(codec, "RECORDS", example.RECORDS)
    assert codec.encode_params(paint) == [[5, 7], 1.5, 4, 'a "b"', True, None, ()]
    newer = decode(params, [[5, 8], 2, 0, "", False, 0.5, [6], "new"])
    red = example.Colour.RED
    assert newer == example.paint(example.Point(5, 8), 2.0, red, "", False, 0.5, (6,))
    assert codec.needed_minor(paint)[0] == 0
    assert codec.needed_minor(example.paint(example.Point(5), gloss=0.5)) == (1, "gloss of paint")
    assert codec.needed_minor(newer) == (2, "layers of paint")
    with pytest.raises(ProtocolError, match="whose gloss is 2; it must be from 0 to 1"):
        decode(params, [[5], 1, 0, "", True, 2])
    with pytest.raises(ProtocolError, match="Point without x"):
        decode(params, [[]])
    with pytest.raises(ProtocolError, match="Point whose y is 1,000; it must be from 3 to 999"):
        decode(params, [[5, 1000]])


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler was found")
def test_defaults_stand_in_for_missing_fields_in_cpp(generator: ModuleType, tmp_path: Path) -> None:
    assert COMPILER is not None
    cpp = sys.modules[f"{generator.__name__}.cpp"]
    schema = sys.modules[f"{generator.__name__}.reading"].parse(EXAMPLE)
    shutil.copytree(ROOT / "device" / "src" / "rpc", tmp_path / "rpc")
    (tmp_path / "rpc" / "messages.h").write_text(cpp.header(schema), "utf-8")
    (tmp_path / "rpc" / "messages.cpp").write_text(cpp.source(schema), "utf-8")
    (tmp_path / "main.cpp").write_text(CPP_TEST, "utf-8")
    sources = ["main.cpp", "rpc/codec.cpp", "rpc/messages.cpp", "rpc/msgpack.cpp"]
    command = [COMPILER, "-std=c++20", "-I.", *sources, "-o", "example"]
    built = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert built.returncode == 0, built.stderr
    run = subprocess.run([tmp_path / "example"], timeout=10, check=False)
    assert run.returncode == 0


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler was found")
def test_a_missing_handler_is_an_error_of_the_linker(generator: ModuleType, tmp_path: Path) -> None:
    assert COMPILER is not None
    cpp, dispatch = (sys.modules[f"{generator.__name__}.{name}"] for name in ("cpp", "dispatch"))
    schema = sys.modules[f"{generator.__name__}.reading"].parse(EXAMPLE)
    for room in ("app", "base", "rpc"):
        shutil.copytree(ROOT / "device" / "src" / room, tmp_path / room)
    for name, text in {
        "rpc/messages.h": cpp.header(schema),
        "rpc/messages.cpp": cpp.source(schema),
        "app/handlers.h": dispatch.header(schema),
        "app/handlers.cpp": dispatch.source(schema),
        "main.cpp": HANDLER_TEST,
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    sources = ["main.cpp", "app/handlers.cpp", "app/dispatch.cpp"]
    sources += [f"rpc/{name}.cpp" for name in ("codec", "envelope", "field_error", "messages")]
    command = [COMPILER, "-std=c++20", "-I.", *sources, "rpc/msgpack.cpp", "-o", "example"]

    def build(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    without = build()
    assert without.returncode != 0
    assert "handle(ugpt::app::LinkTask&" in without.stderr
    assert build("-DWITH_HANDLER").returncode == 0
    assert subprocess.run([tmp_path / "example"], timeout=10, check=False).returncode == 0


LONG = "94" * 500
EXAMPLES = """
examples = [
    { name = "a dot", id = 7, params = { point = { x = 1 }, wet = false } },
    { name = "all dots", params = { point = { x = 255 }, title = { repeat = "t", times = 9 }, \
      gloss = 0.25, layers = { repeat = [6], times = 3 } } },
    { name = "painted", result = {} },
    { name = "an older painter", params = { point = { x = 5 } }, decode_only = true, body = "94" },
]
"""


def test_examples_become_golden_vectors_and_keep_their_bytes(generator: ModuleType) -> None:
    golden = sys.modules[f"{generator.__name__}.golden"]
    parse = sys.modules[f"{generator.__name__}.reading"].parse
    text = EXAMPLE.replace("result = []\n", f"result = []{EXAMPLES}", 1)
    cases = golden.load("", parse(text))
    dot, dots, painted, older = cases
    assert dot["value"] == {
        "point": {"x": 1, "y": 7},
        "width": 1.5,
        "colour": "blue",
        "title": 'a "b"',
        "wet": False,
        "gloss": None,
        "layers": [],
    }
    assert dot["body"] == "940007a57061696e7497920107ca3fc0000004a56120226222c2c090"
    assert dots["body"].endswith("a9" + "74" * 9 + "c3ca3e80000093060606")
    assert painted["body"] == "940101c090"
    assert older["decode_only"]
    assert older["body"] == "94"

    kept = golden.to_json([*(case | {"body": "c0"} for case in cases[:3]), older])
    again = golden.load(kept, parse(text))
    assert [case["body"] for case in again] == ["c0", "c0", "c0", "94"]
    assert [case["frame"] for case in again] == [case["frame"] for case in cases]
    with pytest.raises(sys.modules[f"{generator.__name__}.checks"].SchemaError) as caught:
        golden.load(kept, parse(text.replace("wet = false", "wet = true")))
    assert "example 'a dot' has changed" in str(caught.value)
    with pytest.raises(sys.modules[f"{generator.__name__}.checks"].SchemaError) as caught:
        golden.load(kept, parse(text.replace('body = "94"', 'body = "95"')))
    assert "the body of example 'an older painter' is not that of golden.json" in str(caught.value)


def test_a_long_example_that_is_only_decoded_is_written_in_full(generator: ModuleType) -> None:
    golden = sys.modules[f"{generator.__name__}.golden"]
    schema = sys.modules[f"{generator.__name__}.reading"].parse(
        EXAMPLE.replace("result = []\n", f"result = []{EXAMPLES}", 1).replace('"94"', f'"{LONG}"')
    )
    shown = {"size": 500, "crc32": f"{zlib.crc32(bytes.fromhex(LONG)):08x}"}
    before = [case for case in golden.load("", schema) if case["body"] == LONG]
    kept = golden.to_json([case | {"body": shown} for case in before])
    assert [case["body"] for case in golden.load(kept, schema) if case.get("decode_only")] == [LONG]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("wet = false", "dry = false", "example 'a dot': there is no field 'dry'"),
        ("{ x = 1 }", "{ y = 3 }", "example 'a dot': x has no default and must be given"),
        ('"all dots"', '"a dot"', "'a dot' appears twice"),
        ("decode_only = true, ", "", "`decode_only` and `body` go together"),
        ("id = 7", "id = -7", "examples.a dot.id: must be an integer from 0"),
        ("result = {}", "answer = {}", "examples.painted: `params` is missing"),
    ],
)
def test_an_example_that_contradicts_the_schema_is_refused(
    generator: ModuleType, old: str, new: str, words: str
) -> None:
    golden = sys.modules[f"{generator.__name__}.golden"]
    reading = sys.modules[f"{generator.__name__}.reading"]
    examples = EXAMPLES.replace(old, new, 1)
    assert examples != EXAMPLES
    with pytest.raises(sys.modules[f"{generator.__name__}.checks"].SchemaError) as caught:
        golden.load(
            "", reading.parse(EXAMPLE.replace("result = []\n", f"result = []{examples}", 1))
        )
    assert words in str(caught.value)


def test_the_reference_page_says_everything(generator: ModuleType) -> None:
    schema = sys.modules[f"{generator.__name__}.reading"].parse(EXAMPLE)
    page = sys.modules[f"{generator.__name__}.reference"].page(schema)
    for words in (
        "version 1.2",
        "| `y` | `u16` | 3 to 999, 7 if absent | Up. |",
        "| `colour` | [Colour](#colour-enum) | blue if absent | In which colour. |",
        '| `title` | `str` | at most 9 bytes, a "b" if absent | Of what. |',
        "| `gloss` | `f32` | 0 to 1, may be nil, since minor 1 | Shine. |",
        "| `layers` | `[u32]` | at most 3 items, empty if absent, since minor 2 | Below it. |",
        "| 1 | `dry` | No paint. | Buy some. |",
    ):
        assert words in page
