"""A small latent video model in which every input is a token: U-ViT, trained on scripted worlds.

The backbone is U-ViT (Bao et al. 2023, arXiv 2209.12152): a transformer with long skips over
tokens of everything. As in UniDiffuser (Bao et al. 2023, arXiv 2303.06555) each modality has a
timestep of its own, so that one model makes video from text, text from video, and either alone; as
in Vidu (Bao et al. 2024, arXiv 2405.04233) it works on the latents of an autoencoder. A sample is
a still orbit, a moving orbit and a front view of one object, with motion magnitude and 3D-aware
guidance after Diffusion4D (Liang et al. 2024, arXiv 2405.16645).

Importing this package loads neither torch nor safetensors; what needs them is in its modules.
"""

from reel2sim.generation.uvit.backend import UViTBackend
from reel2sim.generation.uvit.config import (
    AutoencoderConfig,
    Layout,
    ModelConfig,
    TrainConfig,
    preset,
)

__all__ = [
    "AutoencoderConfig",
    "Layout",
    "ModelConfig",
    "TrainConfig",
    "UViTBackend",
    "preset",
]
