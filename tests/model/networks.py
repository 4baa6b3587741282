"""Small random networks of the real classes, saved as anybody would save them, for the encoders to load."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    CLIPConfig,
    CLIPModel,
    DetrConfig,
    DetrForObjectDetection,
    Dinov2Config,
    Dinov2Model,
    Owlv2Config,
    Owlv2ForObjectDetection,
    PreTrainedTokenizerFast,
    ResNetConfig,
    RobertaConfig,
    RobertaModel,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrResNetConfig,
    SiglipConfig,
    SiglipModel,
)

LETTERS = list("abcdefghijklmnopqrstuvwxyz")
_LAYERS = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
_VISION = _LAYERS | {"image_size": 48, "patch_size": 8}
_TEXT = _LAYERS | {"vocab_size": 64, "max_position_embeddings": 16}


def save_vision(folder: Path, kind: str) -> Path:
    """A random network of one of the kinds below, with the settings of its images."""
    torch.manual_seed(1)
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    both = {"text_config": _TEXT | tokens, "vision_config": _VISION}
    network = {
        "clip": lambda: CLIPModel(CLIPConfig(**both, projection_dim=24)),
        "siglip": lambda: SiglipModel(SiglipConfig(**both)),
        "dinov2": lambda: Dinov2Model(Dinov2Config(**_VISION)),
        "detr": lambda: DetrForObjectDetection(_detr()),
        "rt_detr": lambda: RTDetrForObjectDetection(_rt_detr()),
        "owl": lambda: Owlv2ForObjectDetection(Owlv2Config(**both, projection_dim=32)),
    }[kind]()
    network.save_pretrained(folder)
    settings = {"size": {"height": 48, "width": 48}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def _detr() -> DetrConfig:
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1], out_features=["stage4"], layer_type="basic"
    )
    sizes = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "num_queries": 40}
    ways = {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    return DetrConfig(use_timm_backbone=False, backbone_config=backbone, use_pretrained_backbone=False, **sizes, **ways)


def _rt_detr() -> RTDetrConfig:
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    sizes = {"d_model": 32, "encoder_hidden_dim": 32, "num_queries": 20, "decoder_layers": 2, "encoder_layers": 1}
    ways = {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    return RTDetrConfig(
        backbone_config=backbone, encoder_in_channels=[8, 16, 16], decoder_in_channels=[32, 32, 32],
        feat_strides=[8, 16, 32], **sizes, **ways,
    )  # fmt: skip


def save_bert(folder: Path) -> Path:
    """BERT with a vocabulary of letters: every word is as many sub-words as it has letters."""
    torch.manual_seed(2)
    BertModel(BertConfig(**_LAYERS, vocab_size=64, max_position_embeddings=40)).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def save_roberta(folder: Path) -> Path:
    """RoBERTa, whose words begin with a space, with one token a letter."""
    torch.manual_seed(3)
    RobertaModel(RobertaConfig(**_TEXT | {"max_position_embeddings": 42}, pad_token_id=0)).save_pretrained(folder)
    tokenizer = save_tokenizer(folder)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.save_pretrained(folder)
    return folder


def save_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """One token a letter, </s> at the end."""
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", "Ġ", *LETTERS])}
    cut = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    cut.pre_tokenizer = pre_tokenizers.Whitespace()
    cut.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=cut, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    tokenizer.save_pretrained(folder)
    return tokenizer
