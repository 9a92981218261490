"""The house as a whole: what importing costs, what the README promises."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lengthwise
from lengthwise.tasks import TASKS

ROOT = Path(__file__).parents[1]
HEAVY = ["pydantic", "typer", "rich", "scipy", "lightning_fabric", "altair", "vl_convert", "jinja2", "transformers"]
HEAVY += ["automata", "ray", "submitit", "torch._dynamo"]


def python(code: str) -> None:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr


def _text_by_locale(call: ast.Call) -> bool:
    """Whether a call reads or writes text and leaves its encoding to the machine."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    given = {keyword.arg for keyword in call.keywords}
    text = name in ("read_text", "write_text") or (name in ("run", "Popen", "check_output") and "text" in given)
    return text and "encoding" not in given


def test_every_text_names_its_encoding() -> None:
    """Or it would be that of the machine's locale, which need not know the characters that are written here."""
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("src", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _text_by_locale(node)
    ]
    assert not bare


def test_public_names() -> None:
    for name in lengthwise.__all__:
        assert getattr(lengthwise, name).__doc__


def test_importing_brings_torch_and_little_else() -> None:
    python(
        "import sys, torch; before = set(sys.modules); from lengthwise import *; "
        f"heavy = (set(sys.modules) - before) & set({HEAVY}); assert not heavy, heavy"
    )


def test_the_operator_and_the_models_need_no_other_package() -> None:
    """As on a machine that has torch and jaxtyping, and only the source."""
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in HEAVY[:-1])
    python(
        f"import sys, torch; {blocked}import lengthwise; "
        "model = lengthwise.Decoder(lengthwise.DecoderConfig(vocab_size=5)); "
        "model(torch.zeros(1, 9, dtype=torch.long)).logits.sum().backward()"
    )


def test_names_come_when_asked_for() -> None:
    python(
        "import sys, lengthwise; assert 'torch' not in sys.modules; "
        "assert set(lengthwise.__all__) <= set(dir(lengthwise)); "
        "from lengthwise import Decoder, outputs; assert outputs.insert; assert lengthwise.Decoder is Decoder; "
        "assert not hasattr(lengthwise, 'Encoder')"
    )


PACKAGES = [
    ".".join(path.parent.relative_to(ROOT / "src").parts)
    for path in sorted((ROOT / "src").rglob("__init__.py"))
    if "= on_demand(" in path.read_text(encoding="utf-8")
]


@pytest.mark.long
def test_packages_wait_for_their_names_and_have_them_all() -> None:
    """Whichever of their modules was imported before."""
    assert "lengthwise" in PACKAGES
    python(
        "import pkgutil, sys; from importlib import import_module as get\n"
        f"packages = [get(name) for name in {PACKAGES}]\n"
        f"heavy = set(sys.modules) & set({[*HEAVY, 'torch', 'numpy']}); assert not heavy, heavy\n"
        "for package in packages:\n"
        "    assert set(package.__all__) <= set(dir(package)); assert not hasattr(package, 'nothing')\n"
        "    own = (module.name for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'))\n"
        "    modules = [get(name) for name in own if not name.endswith(('__main__', '.cli'))]\n"
        "    named = [name for name in package.__all__ if name != 'outputs' and getattr(package, name) in modules]\n"
        "    assert not named, (package, named)\n"
        "    exec(f'from {package.__name__} import *')\n"
    )


def test_a_task_says_the_same_before_it_is_imported() -> None:
    for name in TASKS:
        summary = TASKS.summary(name)
        assert summary
        assert summary == (TASKS.load(name).__doc__ or "").partition("\n")[0]


@pytest.mark.parametrize(
    "line",
    [
        *("list", "--help", "run --help", "compare --help", "probe --help", "bench --help", "list --help", "nothing"),
        *("export --help", "export runs", "export runs --csv --json"),
        *("run --nothing", "run flipflop", "compare flipflop -a softmax", "bench --lengths many"),
        *("list --settings flipflop", "run flip-flop -a softmax+ropes", "compare flip-flop -a softmax -a top-1+ropes"),
        *("compare flip-flop -a softmax --on raay", "compare flip-flop -a softmax --on ray[gpu=1]"),
        *("run flip-flop --set train.stepz=4", "compare flip-flop -a softmax --set modle.dim=4"),
        *(
            "run flip-flop[ignor=0.9]",
            "run flip-flop -a top-k[kept=0]+rope",
            "compare flip-flop -a yarn[b=1]+softmax",
        ),
    ],
)
def test_help_and_typing_errors_wait_for_nothing_heavy(line: str) -> None:
    """What takes seconds to import is imported by the verb that needs it, when it needs it."""
    python(
        f"import sys; sys.argv = {['lengthwise', *line.split()]}\n"
        "from lengthwise.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"heavy = set(sys.modules) & set({[*HEAVY[3:], 'torch', 'numpy', 'pandas']}); assert not heavy, heavy"
    )


@pytest.mark.parametrize("verb", ["run", "compare"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[train]\nstepz = 4", "did you mean 'train.steps'"),
        ('[model]\nmechanism = "sofmax"', "did you mean 'softmax'"),
        ('[model]\nmechanism = "top-k[kpet=9]"', "did you mean 'kept'"),
    ],
)
def test_typing_errors_in_a_file_wait_for_nothing_heavy(verb: str, text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    python(
        "import sys; from lengthwise.cli import options; from lengthwise.errors import InputError\n"
        f"resolve = options.{'resolve' if verb == 'run' else 'resolve_comparison'}\n"
        f"try: resolve('flip-flop', options.Path({str(file)!r}), None)\n"
        f"except InputError as error: assert {sentence!r} in str(error), error\n"
        "else: assert False\n"
        f"heavy = set(sys.modules) & set({[*HEAVY[3:], 'torch', 'numpy']}); assert not heavy, heavy"
    )


@pytest.mark.long
def test_the_benchmark_of_mechanisms_shows_their_options() -> None:
    """Which stand in brackets, as rich's styles do."""
    small = ["--only", "top-k[kept=9]+rope", "--tokens", "16", "--batch", "1", "--rounds", "1"]
    script = ROOT / "benchmarks" / "mechanisms.py"
    result = subprocess.run([sys.executable, script, *small], capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    assert "top-k[kept=9]+rope" in result.stdout


def test_tables_of_the_documents_have_numbers() -> None:
    """A row of nothing but its name is a promise that looks like a result."""
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            empty = line.startswith("|") and len(cells) > 1 and cells[0] and not any(cells[1:])
            assert not empty, f"{path.name}: {line}"


def test_what_is_not_measured_is_said_wherever_it_is_linked() -> None:
    page = (ROOT / "docs" / "benchmark-gpu.md").read_text(encoding="utf-8")
    if "Nothing has been measured on a GPU yet" in page:
        for path in [ROOT / "README.md", ROOT / "docs" / "benchmark.md"]:
            assert "Nothing has been measured on a GPU yet" in " ".join(path.read_text(encoding="utf-8").split())


CREATE = {
    "arange",
    "as_tensor",
    "asarray",
    "empty",
    "eye",
    "from_file",
    "full",
    "linspace",
    "logspace",
    "normal",
    "ones",
}
CREATE |= {"rand", "randint", "randn", "randperm", "scalar_tensor", "tensor", "tril_indices", "triu_indices", "zeros"}


def unnamed(tree: ast.AST, learned: bool = False) -> list[str]:
    """Calls that make a tensor in a dtype or on a device of torch's choice.

    What a module learns or keeps, it may make as ``nn.Linear`` does: in the dtype and on the device that its user set
    for all modules.
    """
    found = []
    for node in ast.iter_child_nodes(tree):
        own = isinstance(node, ast.Call) and ast.unparse(node.func) in ("nn.Parameter", "self.register_buffer")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not learned:
            of_torch = ast.unparse(node.func.value) == "torch" and node.func.attr in CREATE
            if of_torch and not {"dtype", "device"} <= {keyword.arg for keyword in node.keywords}:
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        found += unnamed(node, learned or own)
    return found


def test_every_new_tensor_names_its_dtype_and_device() -> None:
    """Otherwise both are whatever a user has set for other parts of a program."""
    paths = sorted((ROOT / "src").rglob("*.py"))
    offences = [
        f"{path.relative_to(ROOT)}:{what}"
        for path in paths
        for what in unnamed(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not offences, "\n".join(offences)
