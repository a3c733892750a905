"""Video pipelines of diffusers with random weights, small enough to run in a blink."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ("a", "box", "lid", "lamp", "opens", "slowly", "red", "camera", "subject", "moves")


def save_tiny(kind: str, folder: Path) -> Path:
    """Save the pipeline ``kind`` with weights drawn from seed 0 to ``folder``."""
    import torch

    state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        _BUILDERS[kind]().save_pretrained(folder, safe_serialization=True)
    finally:
        torch.set_rng_state(state)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: k for k, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def _text() -> dict[str, Any]:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=32, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, num_decoder_layers=1
    )
    return {"text_encoder": T5EncoderModel(config).eval(), "tokenizer": _tokenizer()}


def _wan_parts(channels: int) -> dict[str, Any]:
    from diffusers import (
        AutoencoderKLWan,
        FlowMatchEulerDiscreteScheduler,
        WanTransformer3DModel,
    )

    return {
        **_text(),
        "vae": AutoencoderKLWan(
            base_dim=4,
            z_dim=4,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
        "transformer": WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=channels,
            out_channels=4,
            text_dim=16,
            freq_dim=16,
            ffn_dim=16,
            num_layers=1,
            rope_max_seq_len=32,
        ),
    }


def _wan() -> Any:
    from diffusers import WanPipeline

    return WanPipeline(**_wan_parts(4))


def _wan_image() -> Any:
    from diffusers import WanImageToVideoPipeline

    # The noise, the latents of the given frames and one mask channel a frame of a latent.
    return WanImageToVideoPipeline(
        **_wan_parts(4 + 4 + 4), image_encoder=None, image_processor=None
    )


def _wan_vace() -> Any:
    from diffusers import WanVACEPipeline, WanVACETransformer3DModel

    parts = _wan_parts(4)
    plain = {k: v for k, v in parts["transformer"].config.items() if not k.startswith("_")}
    # Of each frame: what stays and what is made anew, 4 channels each, and a mask of 8 × 8 pixels.
    own = {"vace_layers": [0], "vace_in_channels": 4 + 4 + 8 * 8}
    return WanVACEPipeline(**{**parts, "transformer": WanVACETransformer3DModel(**plain, **own)})


def _cog_parts(channels: int) -> dict[str, Any]:
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXTransformer3DModel,
    )

    return {
        **_text(),
        "vae": AutoencoderKLCogVideoX(
            in_channels=3,
            out_channels=3,
            down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4,
            block_out_channels=(4, 4, 4, 4),
            latent_channels=4,
            layers_per_block=1,
            norm_num_groups=2,
            temporal_compression_ratio=4,
        ),
        "scheduler": CogVideoXDDIMScheduler(),
        "transformer": CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=channels,
            out_channels=4,
            time_embed_dim=2,
            text_embed_dim=16,
            num_layers=1,
            sample_width=4,
            sample_height=4,
            sample_frames=9,
            patch_size=2,
            temporal_compression_ratio=4,
            max_text_seq_length=226,
        ),
    }


def _cog() -> Any:
    from diffusers import CogVideoXPipeline

    return CogVideoXPipeline(**_cog_parts(4))


def _cog_image() -> Any:
    from diffusers import CogVideoXImageToVideoPipeline

    return CogVideoXImageToVideoPipeline(**_cog_parts(8))


def _cog_video() -> Any:
    from diffusers import CogVideoXVideoToVideoPipeline

    return CogVideoXVideoToVideoPipeline(**_cog_parts(4))


def _ltx_parts() -> dict[str, Any]:
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXVideoTransformer3DModel,
    )

    return {
        **_text(),
        "vae": AutoencoderKLLTXVideo(
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            block_out_channels=(4, 4, 4, 4),
            decoder_block_out_channels=(4, 4, 4, 4),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1),
            spatio_temporal_scaling=(True, True, False, False),
            decoder_spatio_temporal_scaling=(True, True, False, False),
            decoder_inject_noise=(False,) * 5,
            upsample_residual=(False,) * 4,
            upsample_factor=(1,) * 4,
            timestep_conditioning=False,
            patch_size=1,
            patch_size_t=1,
            encoder_causal=True,
            decoder_causal=False,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(),
        "transformer": LTXVideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            patch_size=1,
            patch_size_t=1,
            num_attention_heads=2,
            attention_head_dim=8,
            cross_attention_dim=16,
            num_layers=1,
            caption_channels=16,
        ),
    }


def _ltx() -> Any:
    from diffusers import LTXPipeline

    return LTXPipeline(**_ltx_parts())


def _ltx_image() -> Any:
    from diffusers import LTXImageToVideoPipeline

    return LTXImageToVideoPipeline(**_ltx_parts())


def _ltx_condition() -> Any:
    from diffusers import LTXConditionPipeline

    return LTXConditionPipeline(**_ltx_parts())


def _svd() -> Any:
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    vision = CLIPVisionConfig(
        hidden_size=16,
        projection_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=224,
        intermediate_size=16,
        patch_size=56,
    )
    return StableVideoDiffusionPipeline(
        unet=UNetSpatioTemporalConditionModel(
            block_out_channels=(32, 64),
            layers_per_block=1,
            sample_size=16,
            in_channels=8,
            out_channels=4,
            down_block_types=(
                "CrossAttnDownBlockSpatioTemporal",
                "DownBlockSpatioTemporal",
            ),
            up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
            cross_attention_dim=16,
            num_attention_heads=2,
            projection_class_embeddings_input_dim=24,
            addition_time_embed_dim=8,
            num_frames=5,
        ),
        vae=AutoencoderKLTemporalDecoder(
            block_out_channels=[32, 32],
            in_channels=3,
            out_channels=3,
            down_block_types=["DownEncoderBlock2D"] * 2,
            layers_per_block=1,
            latent_channels=4,
        ),
        image_encoder=CLIPVisionModelWithProjection(vision).eval(),
        scheduler=EulerDiscreteScheduler(prediction_type="v_prediction", use_karras_sigmas=True),
        feature_extractor=CLIPImageProcessor(crop_size=224, size=224),
    )


_BUILDERS = {
    "wan": _wan,
    "wan_image": _wan_image,
    "wan_vace": _wan_vace,
    "cogvideox": _cog,
    "cogvideox_image": _cog_image,
    "cogvideox_video": _cog_video,
    "ltx": _ltx,
    "ltx_image": _ltx_image,
    "ltx_condition": _ltx_condition,
    "svd": _svd,
}
