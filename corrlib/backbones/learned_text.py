"""A prompt of learned vectors through the frozen text encoder, with gradient to the vectors.

The encoder reads [SOS | n vectors | EOS | token 0 ...] over its whole length. The vectors take the
place of sums of token and position embeddings, so none is added to them: SOS, EOS and what follows
EOS have those of their own places.

*Source:* SD4Match, released code `hybrid_captioner.py` and `_encode_prompt`: the vectors are put in
after the position embeddings were added.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from corrlib.backbones.diffusion import Diffuser

Start = Literal["ids", "uniform", "empty", "object"]
OBJECT = "a photo of an object"


def room(diffuser: Diffuser) -> int:
    """How many vectors fit between SOS and EOS: 75 in Stable Diffusion."""
    return diffuser.text_encoder.config.max_position_embeddings - 2


def encode(diffuser: Diffuser, vectors: Float[Tensor, "b n d"]) -> Float[Tensor, "b tokens d"]:
    """The U-Net's conditioning from `n` learned vectors a prompt, 1 to `room`; float32 in, the
    network's dtype out.

    Raises ValueError on vectors of another width or number.
    """
    count, length, width = vectors.shape
    wanted = diffuser.text_encoder.config.hidden_size
    if width != wanted or not 1 <= length <= room(diffuser):
        raise ValueError(
            f"got {length} vectors of {width} numbers; this text encoder reads 1 to "
            f"{room(diffuser)} of {wanted}"
        )

    def put_in(module: torch.nn.Module, inputs: tuple, out: Tensor) -> Tensor:
        first, last = out[:, :1], out[:, 1 + length :]
        return torch.cat([first, vectors.to(out), last], dim=1)

    encoder = diffuser.text_encoder
    handle = encoder.embeddings.register_forward_hook(put_in)
    try:
        return encoder(_places(diffuser, length).expand(count, -1))[0]
    finally:
        handle.remove()


@torch.no_grad()
def first_vectors(
    diffuser: Diffuser, start: Start, count: int, length: int, seed: int = 0
) -> Float[Tensor, "count length d"]:
    """Vectors to begin with, float32 on the CPU: those of random "ids" of the vocabulary at their
    places, "uniform" in [0, 1), those of the "empty" prompt, or those of "a photo of an object".

    *Source:* SD4Match, Table 4, for the last three; released code `hidden_state.py` for "ids".
    """
    generator = torch.Generator().manual_seed(seed)
    width = diffuser.text_encoder.config.hidden_size
    if start == "uniform":
        return torch.rand(count, length, width, generator=generator)
    if start == "ids":
        vocabulary = diffuser.text_encoder.config.vocab_size
        tokens = torch.randint(vocabulary, (count, length), generator=generator)
        tokens = torch.cat([tokens[:, :1], tokens], dim=1)
    else:
        tokens = _tokens(diffuser, OBJECT if start == "object" else "")[:, : length + 1]
        tokens = tokens.expand(count, -1)
    embeddings = diffuser.text_encoder.embeddings(tokens.to(diffuser.device))
    return embeddings[:, 1:].float().cpu().clone()


def _places(diffuser: Diffuser, length: int) -> Int[Tensor, "1 tokens"]:
    """Token ids around `length` vectors; those under the vectors do not matter."""
    ids = torch.zeros(1, room(diffuser) + 2, dtype=torch.long)
    ids[0, 0] = diffuser.tokenizer.bos_token_id
    ids[0, 1 + length] = diffuser.tokenizer.eos_token_id
    return ids.to(diffuser.device)


def _tokens(diffuser: Diffuser, text: str) -> Int[Tensor, "1 tokens"]:
    return diffuser.tokenizer(
        text,
        padding="max_length",
        max_length=room(diffuser) + 2,
        truncation=True,
        return_tensors="pt",
    ).input_ids
