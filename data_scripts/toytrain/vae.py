"""Training the toy autoencoder on crops of renders, and what a linear code of the same size would
keep.
"""

import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from data_scripts.toytrain import checkpoint
from data_scripts.toytrain.models import CHANNELS, FACTOR, make_vae

CROP = 32


def train(
    images: torch.Tensor, *, steps: int, batch: int, folder: Path, device: str, rate: float = 2e-3
) -> tuple[AutoencoderKL, dict]:
    """Train for `steps` on random crops of `images` (uint8); resumes from `folder`. Returns the
    model and its record.
    """
    torch.manual_seed(0)
    vae = make_vae(images.shape[-1]).to(device)
    # begin with a nearly noiseless code: the decoder learns from the picture, not from the noise
    with torch.no_grad():
        vae.quant_conv.bias[CHANNELS:] = -7.0
    optimizer = torch.optim.AdamW(vae.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps + 1, pct_start=0.05
    )
    generator, record, first = torch.Generator(device).manual_seed(1), [], 0
    if state := checkpoint.load(folder / "vae.pt", device):
        for name, part in (("vae", vae), ("optimizer", optimizer), ("schedule", schedule)):
            part.load_state_dict(state[name])
        record, first = state["record"], state["step"]
        generator.set_state(state["generator"].cpu())
    started = time.time()
    for step in range(first, steps):
        x = crops(images, batch, generator)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            posterior = vae.encode(x).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator, device=device)
            y = vae.decode(posterior.mean + posterior.std * noise).sample
        error = (y.float() - x).abs()
        # edges matter more than flat walls for a world of crisp shapes
        edges = sum(((y.float() - x).diff(dim=d)).abs().mean() for d in (2, 3))
        kl = posterior.kl().mean() / x[0].numel()
        loss = error.mean() + 0.5 * edges + 1e-5 * kl
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step(), schedule.step()
        if step % 250 == 249 or step == steps - 1:
            record.append(
                {
                    "step": step + 1,
                    "l1": error.mean().item(),
                    "kl": kl.item(),
                    "seconds": round(time.time() - started, 1),
                }
            )
            print("vae", record[-1], flush=True)
            state = {
                "vae": vae.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            }
            checkpoint.save(
                {**state, "record": record, "step": step + 1, "generator": generator.get_state()},
                folder / "vae.pt",
            )
    return vae.eval(), {"curve": record, "steps": steps, "batch": batch, "crop": CROP}


def crops(images: torch.Tensor, batch: int, generator: torch.Generator) -> torch.Tensor:
    """Random crops in [-1, 1]; one offset a batch and a different image each."""
    device = images.device
    pick = torch.randint(len(images), (batch,), generator=generator, device=device)
    dy, dx = torch.randint(
        images.shape[-1] - CROP + 1, (2,), generator=generator, device=device
    ).tolist()
    return images[pick, :, dy : dy + CROP, dx : dx + CROP].float() / 127.5 - 1


def load(folder: Path, image: int, device: str) -> AutoencoderKL:
    """The trained autoencoder of `folder`. Raises FileNotFoundError before it is trained."""
    state = checkpoint.load(folder / "vae.pt", device)
    if state is None:
        raise FileNotFoundError(f"no {folder / 'vae.pt'}; run this script with --stage vae first")
    model = make_vae(image).to(device).eval()
    model.load_state_dict(state["vae"])
    return model


@torch.no_grad()
def quality(vae: AutoencoderKL, images: torch.Tensor) -> dict[str, float]:
    """Share of variance (percent) that the code keeps on whole held-out images, beside PCA of 4 x 4
    patches in 4, 6 and 8.
    """
    x = images.float() / 127.5 - 1
    z = torch.cat([vae.encode(part).latent_dist.mean for part in x.split(64)])
    y = torch.cat([vae.decode(part).sample for part in z.split(64)])
    patches = torch.nn.functional.unfold(x, FACTOR, stride=FACTOR).transpose(1, 2).flatten(0, 1)
    centred = patches - patches.mean(0)
    energy = torch.linalg.eigvalsh((centred.T @ centred).double()).flip(0)
    total = ((x - x.mean((0, 2, 3), keepdim=True)) ** 2).sum()
    kept = {f"pca_{k}": 100 * (1 - (energy[k:].sum() / total.double()).item()) for k in (4, 6, 8)}
    psnr = 10 * torch.log10(4 / ((y - x) ** 2).mean()).item()
    return {
        "vae": 100 * (1 - ((y - x) ** 2).sum() / total).item(),
        **kept,
        "psnr_db": psnr,
        "latent_std": z.std().item(),
    }
