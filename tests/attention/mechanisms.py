"""Names of mechanisms, for the tests of what they all promise."""

from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.parts import Bias, Embedding, Rotation
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS

COMBINED = [
    "softmax+rope+layer-norm",
    "softmax+rms-norm@heads",
    "softmax+standardise@projected",
    "softmax+layer-norm@heads",
    "softmax+layer-norm@projected",
    "scalable-softmax+rope",
    "log-n+alibi",
    "entmax+alibi",
    "top-1+rope",
    "as-entmax+nape",
    "dape+alibi",
    "dape-v2+kerple",
    "differential+rope",
    "selective+alibi",
    "compositional+rope",
    "threshold-relative+rope",
    "threshold-relative+layer-norm",
    "entmax[alpha=2]",
    "entmax[alpha=1.2]+rope[base=5e5]",
    "dape-v2[kernel=5,width=8]+alibi[bias_max=4]",
    "threshold-relative[threshold=0.3]",
    "fixation[gate=separate]",
    "fixation[gate=none]",
    "fixation[neighbours=4]",
    "reguformer[queries=all,keys=top,factor=2]",
    "reguformer[queries=random,keys=random]",
    "softmax+yarn[beta_slow=0.5,mscale=0.707,truncate=false]",
]
MECHANISMS = [
    *(name for name in WEIGHTS if WEIGHTS.load(name).traits.causal),
    *(f"softmax+{name}" for name in POSITIONS if issubclass(POSITIONS.load(name), Bias | Rotation)),
    *(f"softmax+{name}" for name in OUTPUTS if name != "none"),
    *COMBINED,
]
"""Every part that attention by itself can have, and some that work on each other."""
COMPILED = ["softmax", "top-k", "threshold-relative", "softmax+rope", "softmax+alibi", "softmax+forgetting"]
"""Those that every test run compiles: fused, in blocks of rows, by an operator, turned, biased, and gated. The others
take minutes together."""
ENCODERS = [name for name in WEIGHTS if not WEIGHTS.load(name).traits.causal]
IN_MODELS = [
    *(f"softmax+{name}" for name in POSITIONS if issubclass(POSITIONS.load(name), Embedding)),
    *(f"softmax+{name}" for name in NUMBERINGS if name != "counted"),
    "softmax+learned+coupled",
    "threshold-relative+rope+predicted",
]
"""Those that act before the first layer of a model."""
