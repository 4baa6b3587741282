"""The paper's equations again, one pair at a time, in NumPy, as slow and obvious as they can be."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from model.paper import PaperConfig

A = npt.NDArray[np.float64]


def gru(x: A, weights: Mapping[str, A], suffix: str) -> A:
    """One direction over [n, d_in] → [n, h]; gates in the order reset, update, new, as torch has them."""
    w_in, w_state = weights[f"weight_ih_l0{suffix}"], weights[f"weight_hh_l0{suffix}"]
    b_in, b_state = weights[f"bias_ih_l0{suffix}"], weights[f"bias_hh_l0{suffix}"]
    state, states = np.zeros(w_state.shape[1]), []
    for row in x:
        r_in, z_in, n_in = np.split(w_in @ row + b_in, 3)
        r_state, z_state, n_state = np.split(w_state @ state + b_state, 3)
        r, z = 1 / (1 + np.exp(-(r_in + r_state))), 1 / (1 + np.exp(-(z_in + z_state)))
        state = (1 - z) * np.tanh(n_in + r * n_state) + z * state
        states.append(state)
    return np.array(states).reshape(len(x), len(state))


def bigru(x: A, weights: Mapping[str, A]) -> A:
    """(4): [n, d_in] → [n, d]."""
    return np.concatenate([gru(x, weights, ""), gru(x[::-1], weights, "_reverse")[::-1]], 1)


def att(h: A, q: A, softmax_over: str) -> A:
    """(11), (12): [L, d], [M, d] → [L, M]."""
    s = np.array([[h_i @ q_j for q_j in q] for h_i in h]).reshape(len(h), len(q))
    if not s.size:
        return s
    a = np.zeros_like(s)
    for i in range(len(h)):
        for j in range(len(q)):
            others = s[:, j] if softmax_over == "first" else s[i, :]
            a[i, j] = 1 / np.exp(others - s[i, j]).sum()
    return a


def cosine(a: A, b: A) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0


def mean(rows: A) -> A:
    return rows.mean(0) if len(rows) else np.zeros(rows.shape[1])


def pair(regions: A, words: A, p: Mapping[str, A], config: PaperConfig) -> dict[str, A]:
    """One unpadded pair: [K, d_r] and [n, d_w], the parameters by their names → every named quantity of the paper."""
    regions, words = regions[: config.regions], words[: config.words]
    out: dict[str, A] = {}
    v = np.maximum(regions @ p["encode_regions.weight"].T + p["encode_regions.bias"], 0)  # (1)
    prefix = "encode_words.gru."
    t = bigru(words, {name.removeprefix(prefix): value for name, value in p.items() if name.startswith(prefix)})  # (4)
    f_image, f_text = mean(v), mean(t)
    if not config.association and not config.alignment:
        both = np.concatenate([f_image, f_text])
        return {"logits": p["concatenation.weight"] @ both + p["concatenation.bias"]}
    out["logits"] = np.zeros(config.labels)
    if config.association:
        w = p["association.common.weight"]
        parts = {
            "inv": [w @ f_image, w @ f_text],  # (5)
            "var": [
                p["association.unique_image.weight"] @ f_image,
                p["association.unique_text.weight"] @ f_text,
            ],  # (6)
            "raw": [f_image, f_text],
        }
        r_g = np.concatenate([part for name in config.association_features for part in parts[name]])  # (8)
        out["association"] = p["association.classify.weight"] @ r_g + p["association.classify.bias"]
        out["logits"] = out["logits"] + config.stream_weights.association * out["association"]  # (18)
        out["invariant"] = np.sqrt(((parts["inv"][0] - parts["inv"][1]) ** 2).sum())  # (20)
    if config.alignment:
        a_t2v, a_v2t = att(v, t, config.softmax_over), att(t, v, config.softmax_over)  # (9), (10)
        v_hat, t_hat = a_t2v @ t, a_v2t @ v  # (13), (14)
        v_bar, t_bar = np.zeros(config.regions), np.zeros(config.words)
        v_bar[: len(v)] = [cosine(a, b) for a, b in zip(v, v_hat, strict=True)]  # (15)
        t_bar[: len(t)] = [cosine(a, b) for a, b in zip(t, t_hat, strict=True)]  # (16)
        r_l = np.concatenate([t_bar, v_bar])  # (17)
        out["alignment"] = p["alignment.classify.weight"] @ r_l + p["alignment.classify.bias"]
        out["logits"] = out["logits"] + config.stream_weights.alignment * out["alignment"]  # (18)
        out["region_to_word"], out["word_to_region"] = a_t2v, a_v2t
    return out


def orthogonal(p: Mapping[str, A], form: str) -> float:
    """(21), with the d x d matrix."""
    w, total = p["association.common.weight"], 0.0
    for name in ("unique_image", "unique_text"):
        other = p[f"association.{name}.weight"]
        product = w.T @ other if form == "WtP" else w @ other.T
        total += float(np.sqrt((product**2).sum()))
    return total


def cross_entropy(logits: A, labels: npt.NDArray[np.int64]) -> float:
    """(19), the mean over pairs: [B, C], [B]."""
    losses = []
    for row, label in zip(logits, labels, strict=True):
        y_hat = np.exp(row) / np.exp(row).sum()
        losses.append(-np.log(y_hat[label]))
    return float(np.mean(losses))
