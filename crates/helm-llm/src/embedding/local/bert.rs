//! The encoder's forward pass (Devlin et al. 2019), for one text at a time: no padding, so no mask.

use super::config::BertConfig;
use super::error::LocalModelError;
use super::weights::Weights;

/// An encoder with its weights.
pub(super) struct Bert {
    words: Vec<f32>,
    positions: Vec<f32>,
    /// That of the first segment: there is only one.
    segment: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    width: usize,
    heads: usize,
}

struct Layer {
    query: Dense,
    key: Dense,
    value: Dense,
    attended: Dense,
    attended_norm: Norm,
    inner: Dense,
    outer: Dense,
    outer_norm: Norm,
}

/// `x Wᵀ + b`, with the weights of one output after the other.
struct Dense {
    weights: Vec<f32>,
    bias: Vec<f32>,
}

struct Norm {
    weights: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl Bert {
    pub(super) fn new(config: &BertConfig, weights: &Weights) -> Result<Self, LocalModelError> {
        let (width, positions) = (config.hidden_size, config.max_position_embeddings);
        let at = |name: &str| format!("embeddings.{name}");
        let segments = weights.take(&at("token_type_embeddings.weight"), &[config.type_vocab_size, width])?;
        Ok(Self {
            words: weights.take(&at("word_embeddings.weight"), &[config.vocab_size, width])?,
            positions: weights.take(&at("position_embeddings.weight"), &[positions, width])?,
            segment: segments.into_iter().take(width).collect(),
            norm: Norm::new(weights, &at("LayerNorm"), config)?,
            layers: (0..config.num_hidden_layers)
                .map(|number| Layer::new(config, weights, number))
                .collect::<Result<_, _>>()?,
            width,
            heads: config.num_attention_heads,
        })
    }

    /// The mean of what the pieces of a text become, of length 1.
    pub(super) fn encode(&self, pieces: &[usize]) -> Vec<f32> {
        let mut rows = self.embedded(pieces);
        for layer in &self.layers {
            rows = layer.forward(&rows, self.width, self.heads);
        }
        let mut mean = vec![0.0; self.width];
        for row in rows.chunks_exact(self.width) {
            add(&mut mean, row);
        }
        let norm = mean.iter().map(|part| part * part).sum::<f32>().sqrt();
        if norm > 0.0 {
            mean.iter_mut().for_each(|part| *part /= norm);
        }
        mean
    }

    fn embedded(&self, pieces: &[usize]) -> Vec<f32> {
        let mut rows = Vec::with_capacity(pieces.len() * self.width);
        for (piece, position) in pieces.iter().zip(self.positions.chunks_exact(self.width)) {
            let start = piece * self.width;
            let word = self.words.get(start..start + self.width).unwrap_or_default();
            let sum = word.iter().zip(position).zip(&self.segment).map(|((word, at), of)| word + at + of);
            rows.extend(sum);
        }
        self.norm.apply(&mut rows);
        rows
    }
}

impl Layer {
    fn new(config: &BertConfig, weights: &Weights, number: usize) -> Result<Self, LocalModelError> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let at = |name: &str| format!("encoder.layer.{number}.{name}");
        let dense = |name: &str, out, into| Dense::new(weights, &at(name), [out, into]);
        Ok(Self {
            query: dense("attention.self.query", width, width)?,
            key: dense("attention.self.key", width, width)?,
            value: dense("attention.self.value", width, width)?,
            attended: dense("attention.output.dense", width, width)?,
            attended_norm: Norm::new(weights, &at("attention.output.LayerNorm"), config)?,
            inner: dense("intermediate.dense", inner, width)?,
            outer: dense("output.dense", width, inner)?,
            outer_norm: Norm::new(weights, &at("output.LayerNorm"), config)?,
        })
    }

    fn forward(&self, rows: &[f32], width: usize, heads: usize) -> Vec<f32> {
        let attention = self.attention(rows, width, heads);
        let mut attended = self.attended.apply(&attention, width);
        add(&mut attended, rows);
        self.attended_norm.apply(&mut attended);
        let mut inner = self.inner.apply(&attended, width);
        inner.iter_mut().for_each(|part| *part = gelu(*part));
        let mut outer = self.outer.apply(&inner, self.inner.bias.len());
        add(&mut outer, &attended);
        self.outer_norm.apply(&mut outer);
        outer
    }

    /// What each row takes of all others, by each head's likeness of queries and keys.
    fn attention(&self, rows: &[f32], width: usize, heads: usize) -> Vec<f32> {
        let of_each = |dense: &Dense| dense.apply(rows, width);
        let (queries, keys, values) = (of_each(&self.query), of_each(&self.key), of_each(&self.value));
        let part = width / heads;
        let scale = (part as f32).sqrt().recip();
        let mut taken = vec![0.0; rows.len()];
        let mut likeness = Vec::with_capacity(rows.len() / width);
        for (query, taken) in queries.chunks_exact(width).zip(taken.chunks_exact_mut(width)) {
            let of_heads = query.chunks_exact(part).zip(taken.chunks_exact_mut(part));
            for (head, (query, taken)) in of_heads.enumerate() {
                // Of each row the part of this head.
                let keys = keys.chunks_exact(part).skip(head).step_by(heads);
                let values = values.chunks_exact(part).skip(head).step_by(heads);
                likeness.clear();
                likeness.extend(keys.map(|key| dot(query, key) * scale));
                softmax(&mut likeness);
                for (share, value) in likeness.iter().zip(values) {
                    taken.iter_mut().zip(value).for_each(|(sum, part)| *sum += share * part);
                }
            }
        }
        taken
    }
}

impl Dense {
    fn new(weights: &Weights, name: &str, shape: [usize; 2]) -> Result<Self, LocalModelError> {
        let [out, _] = shape;
        let bias = weights.take(&format!("{name}.bias"), &[out])?;
        Ok(Self { weights: weights.take(&format!("{name}.weight"), &shape)?, bias })
    }

    fn apply(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(rows.len() / width * self.bias.len());
        for row in rows.chunks_exact(width) {
            let outputs = self.weights.chunks_exact(width).zip(&self.bias);
            out.extend(outputs.map(|(weights, bias)| dot(row, weights) + bias));
        }
        out
    }
}

impl Norm {
    fn new(weights: &Weights, name: &str, config: &BertConfig) -> Result<Self, LocalModelError> {
        let shape = [config.hidden_size];
        Ok(Self {
            weights: weights.take(&format!("{name}.weight"), &shape)?,
            bias: weights.take(&format!("{name}.bias"), &shape)?,
            epsilon: config.layer_norm_eps,
        })
    }

    fn apply(&self, rows: &mut [f32]) {
        let width = self.weights.len();
        for row in rows.chunks_exact_mut(width) {
            let mean = row.iter().sum::<f32>() / width as f32;
            let variance = row.iter().map(|part| (part - mean) * (part - mean)).sum::<f32>() / width as f32;
            let scale = (variance + self.epsilon).sqrt().recip();
            for ((part, weight), bias) in row.iter_mut().zip(&self.weights).zip(&self.bias) {
                *part = (*part - mean) * scale * weight + bias;
            }
        }
    }
}

/// In eight sums, which a compiler makes one instruction of.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let ((ones, one), (others, other)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let mut sums = [0.0_f32; 8];
    for (one, other) in ones.iter().zip(others) {
        for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
            *sum += one * other;
        }
    }
    let rest: f32 = one.iter().zip(other).map(|(one, other)| one * other).sum();
    sums.iter().sum::<f32>() + rest
}

fn add(sums: &mut [f32], rows: &[f32]) {
    sums.iter_mut().zip(rows).for_each(|(sum, part)| *sum += part);
}

fn softmax(numbers: &mut [f32]) {
    let most = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    numbers.iter_mut().for_each(|number| *number = (*number - most).exp());
    let sum: f32 = numbers.iter().sum();
    numbers.iter_mut().for_each(|number| *number /= sum);
}

fn gelu(number: f32) -> f32 {
    0.5 * number * (1.0 + libm::erff(number * std::f32::consts::FRAC_1_SQRT_2))
}
