"""Shapes that are checked, the command line in this process, and tiny language models, built and saved as usual."""

import ast
import dataclasses
import functools
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import jaxtyping
import pytest
import torch
from jaxtyping import AbstractArray

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Before anything imports Triton: without a GPU, its kernels are tested in Python.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
# A place for corpora in tokens that all tests share, and that is not the user's.
os.environ["LENGTHWISE_CACHE"] = str(Path(tempfile.gettempdir()) / "lengthwise-tests")
# LENGTHWISE_TEST_DTYPE=float64 runs the tests as in a program whose tensors are float64 where nobody says otherwise.
torch.set_default_dtype(getattr(torch, os.environ.get("LENGTHWISE_TEST_DTYPE", "float32")))


def _names_shapes(annotation: Any) -> bool:
    parts = [part for part in get_args(annotation) if not isinstance(part, str)]
    return (isinstance(annotation, type) and issubclass(annotation, AbstractArray)) or any(map(_names_shapes, parts))


def _outline(value: Any) -> Any:
    """What decides whether a value's shapes are right: those of tensors, and of the tensors that an object holds."""
    if isinstance(value, torch.Tensor):
        return value.shape, value.dtype
    if isinstance(value, torch.nn.Module) or not dataclasses.is_dataclass(value):
        return value if isinstance(value, int) else type(value)
    return tuple(map(_outline, vars(value).values()))


def _checked(function: Any = None, *, typechecker: Any, check: Any = jaxtyping.jaxtyped) -> Any:
    """As jaxtyping's own decorator, but of functions that name shapes alone, and once for all calls of one outline.

    Torch's compiler, which cannot follow the check, follows the function.
    """
    if function is None:
        return functools.partial(_checked, typechecker=typechecker)
    if isinstance(function, type):
        if dataclasses.is_dataclass(function):
            function.__init__ = _checked(function.__init__, typechecker=typechecker)  # type: ignore[method-assign]
        return function
    if not any(map(_names_shapes, function.__annotations__.values())):
        return function
    seen: set[Any] = set()
    checked = check(function, typechecker=typechecker)
    refused = f"whilst checking the parameters of {function.__module__}.{function.__qualname__}."

    def eager(*arguments: Any, **named: Any) -> Any:
        outline = tuple(map(_outline, arguments)), *((name, _outline(value)) for name, value in named.items())
        if outline in seen:
            return function(*arguments, **named)
        try:
            result = checked(*arguments, **named)
        except jaxtyping.TypeCheckError as error:
            if refused in str(error):
                function(*arguments, **named)  # where a sentence answers bad input, the sentence is what is raised
            raise
        seen.add(outline)
        return result

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return (function if torch.compiler.is_compiling() else eager)(*arguments, **named)

    return call


# Before anything imports lengthwise: the shapes that its annotations name are checked in all tests of this process.
jaxtyping.jaxtyped = _checked  # type: ignore[assignment]
jaxtyping.install_import_hook("lengthwise", "beartype.beartype")
WORDS = 60
SPECIAL = {"unk_token": "<unk>", "bos_token": "<s>", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}


def _build(kind: str) -> "PreTrainedModel":
    from transformers import (
        BertConfig,
        BertForMaskedLM,
        BertModel,
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        MistralConfig,
        MistralForCausalLM,
    )

    torch.manual_seed(0)
    same = {"vocab_size": WORDS + len(SPECIAL), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4} | same
    llama = sizes | {"num_key_value_heads": 2, "max_position_embeddings": 64}
    bert = BertConfig(**sizes, max_position_embeddings=64)
    model = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**llama)),
        "sliding": lambda: MistralForCausalLM(MistralConfig(**llama, sliding_window=6)),
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=64, **same)),
        "bert": lambda: BertForMaskedLM(bert),
        "encoder": lambda: BertModel(bert),
    }[kind]()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6)  # lest all weights of attention be the same
    return model.eval()


def _tokenizer(kind: str) -> "PreTrainedTokenizerFast":
    """Words ``w0`` to ``w59``; of BERT with [CLS] before a text and [SEP] behind it, of Llama with <s> before it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = [*SPECIAL.values(), *(f"w{number}" for number in range(WORDS))]
    words = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pattern = {"bert": "[CLS] $A [SEP]", "encoder": "[CLS] $A [SEP]", "llama": "<s> $A"}.get(kind)
    if pattern:
        special = [(name, names.index(name)) for name in SPECIAL.values()]
        words.post_processor = processors.TemplateProcessing(single=pattern, special_tokens=special)
    return PreTrainedTokenizerFast(tokenizer_object=words, **SPECIAL)


@pytest.fixture(autouse=True)
def seed() -> None:
    """Every test draws the same numbers, whichever tests ran before it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def build() -> Callable[[str], "PreTrainedModel"]:
    """``build("llama")``, or gpt2, sliding (a window of 6 tokens), bert, encoder (BERT without a head): fresh ones."""
    return _build


@pytest.fixture(scope="session")
def tokenizer() -> Callable[[str], "PreTrainedTokenizerFast"]:
    """``tokenizer("llama")`` is the tokenizer of that model."""
    return _tokenizer


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``saved("llama")`` is the folder of a saved model with its tokenizer."""
    folders: dict[str, Path] = {}

    def save(kind: str) -> Path:
        if kind not in folders:
            folders[kind] = tmp_path_factory.mktemp("models") / f"tiny-{kind}"
            _build(kind).save_pretrained(folders[kind])
            _tokenizer(kind).save_pretrained(folders[kind])
        return folders[kind]

    return save


@pytest.fixture(scope="session")
def words() -> Callable[[int], str]:
    """A text of so many random words, some more frequent than others."""

    def draw(number: int) -> str:
        generator = torch.Generator().manual_seed(0)
        drawn = torch.multinomial(torch.arange(1.0, WORDS + 1), number, replacement=True, generator=generator)
        return " ".join(f"w{word}" for word in drawn.tolist())

    return draw


@pytest.fixture(scope="session")
def code_of_page() -> Callable[..., str]:
    """``code_of_page("how-to-task.md", "Delay")``: the first code that has such a class, without other definitions."""

    def code(page: str, name: str | None = None) -> str:
        text = (Path(__file__).parents[1] / "docs" / page).read_text(encoding="utf-8")
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            body = ast.parse(block).body
            if name is None:
                return str(block)
            if any(isinstance(node, ast.ClassDef) and node.name == name for node in body):
                kept = [node for node in body if not isinstance(node, ast.ClassDef) or node.name == name]
                return "\n".join(ast.unparse(node) for node in kept if "my_" not in ast.unparse(node)) + "\n"
        raise AssertionError(f"{page} has no such code")

    return code


@pytest.fixture
def default_dtype() -> Iterator[Callable[[torch.dtype], None]]:
    """Sets torch's default dtype, until the test ends."""
    before = torch.get_default_dtype()
    yield torch.set_default_dtype
    torch.set_default_dtype(before)


class Answer(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    error: str


@pytest.fixture
def lengthwise(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """``lengthwise("run", "flip-flop", ...)`` in this process."""

    from lengthwise import cli
    from lengthwise.cli.console import console, errors

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["lengthwise", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        for printer in (console, errors):  # what it is written to may say that it is a terminal of 80 columns
            monkeypatch.setattr(printer, "_width", 200)
            monkeypatch.setattr(printer, "_height", 50)
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Answer(code, captured.out, captured.err)

    return call
