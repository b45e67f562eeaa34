"""The toy models: Stable Diffusion 2's architecture with small numbers, and a tokenizer learned
from the toybox's captions.
"""

import json

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FACTOR, CHANNELS = 4, 4  # pixels a latent cell, latent channels
START, END = "<|startoftext|>", "<|endoftext|>"


def make_vae(image: int) -> AutoencoderKL:
    """`image`: pixels a side; kept in the config for pipelines, the weights do not depend on it."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=CHANNELS,
        sample_size=image,
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
    )


def make_unet(image: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=image // FACTOR,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=2,
        norm_num_groups=16,
        block_out_channels=(32, 64, 128, 128),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=128,
        use_linear_projection=True,
        attention_head_dim=(
            1,
            2,
            4,
            4,
        ),  # diffusers' name; these are numbers of heads, each of 32 channels
    )


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=128,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def make_scheduler() -> DDIMScheduler:
    """SD 2.1's: its betas, velocity prediction."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
        timestep_spacing="leading",
    )


def make_tokenizer(corpus: list[str], size: int = 900) -> CLIPTokenizer:
    """A CLIP tokenizer whose byte pair merges are learned from `corpus`; unknown words fall back to
    bytes.
    """
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(corpus, trainer)
    learned = json.loads(bpe.to_str())["model"]
    merges = [tuple(m) for m in learned["merges"]]
    symbols = alphabet + [a + "</w>" for a in alphabet] + [a + b for a, b in merges]
    vocab = {symbol: i for i, symbol in enumerate(dict.fromkeys([*symbols, START, END]))}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77, pad_token=END)
    if len(tokenizer) < len(merges):
        raise RuntimeError(
            "the tokenizer lost its vocabulary; check the arguments of CLIPTokenizer in this "
            "transformers version"
        )
    return tokenizer


def tokens(tokenizer: CLIPTokenizer, lines: list[str]) -> torch.Tensor:
    """n x 77 token ids, padded with the end token as SD pads."""
    return tokenizer(
        lines, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids
