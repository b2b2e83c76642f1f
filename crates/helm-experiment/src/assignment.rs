use helm_core::{AssignedBy, Assignment, ExperimentKey, Probability, TenantId, UserId, VariantName};
use sha2::{Digest, Sha256};

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an experiment was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fewer than two variants.
    #[error("experiment {experiment} has {count} variants; it needs at least two")]
    TooFewVariants {
        /// Which experiment.
        experiment: ExperimentKey,
        /// How many it has.
        count: usize,
    },
    /// Two variants of the same name.
    #[error("experiment {experiment} names the variant {variant} twice")]
    DuplicateVariant {
        /// Which experiment.
        experiment: ExperimentKey,
        /// The name.
        variant: VariantName,
    },
    /// The weights are so far apart, or so large, that not every variant has a share.
    #[error("experiment {experiment}: the weights give {variant} no share; write them as percentages")]
    NoShare {
        /// Which experiment.
        experiment: ExperimentKey,
        /// Which variant.
        variant: VariantName,
    },
    /// A share that is not a positive finite number.
    #[error("experiment {experiment}: the weight of {variant} must be a number above 0, got {weight}")]
    InvalidWeight {
        /// Which experiment.
        experiment: ExperimentKey,
        /// Which variant.
        variant: VariantName,
        /// What was given.
        weight: f64,
    },
}

/// What an experiment assigns: it keeps its side for as long as the shares stay as they are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Unit(String);

impl Unit {
    /// A user of a tenant.
    #[must_use]
    pub fn user(tenant: &TenantId, user: &UserId) -> Self {
        Self(format!("{tenant}/{user}"))
    }

    /// The bytes that are hashed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One side of an experiment.
#[derive(Clone, PartialEq, Debug)]
pub struct Variant {
    /// Its name.
    pub name: VariantName,
    /// Its weight; shares are weights divided by their sum.
    pub weight: f64,
}

impl Variant {
    /// A variant of this weight.
    #[must_use]
    pub fn new(name: VariantName, weight: f64) -> Self {
        Self { name, weight }
    }
}

/// A checked experiment: at least two variants of positive weight.
#[derive(Clone, PartialEq, Debug)]
pub struct Experiment {
    key: ExperimentKey,
    first: Side,
    rest: Vec<Side>,
}

#[derive(Clone, PartialEq, Debug)]
struct Side {
    name: VariantName,
    share: Probability,
}

impl Experiment {
    /// Checks the variants.
    ///
    /// # Errors
    ///
    /// [`Error`] when there are fewer than two, two share a name, a weight is not a positive number, or the
    /// weights give a variant no share.
    pub fn new(key: ExperimentKey, variants: Vec<Variant>) -> Result<Self> {
        check(&key, &variants)?;
        let total: f64 = variants.iter().map(|variant| variant.weight).sum();
        let count = variants.len();
        let mut sides = variants.into_iter().map(|variant| {
            // A total that overflowed makes every share 0.
            let share = Probability::new(variant.weight / total).ok().filter(|share| share.get() > 0.0);
            match share {
                Some(share) => Ok(Side { name: variant.name, share }),
                None => Err(Error::NoShare { experiment: key.clone(), variant: variant.name }),
            }
        });
        let too_few = Error::TooFewVariants { experiment: key.clone(), count };
        let first = sides.next().ok_or(too_few)??;
        let rest = sides.collect::<Result<_>>()?;
        Ok(Self { key, first, rest })
    }

    /// The experiment's key.
    #[must_use]
    pub fn key(&self) -> &ExperimentKey {
        &self.key
    }

    /// The variants' names, in the order they were given.
    pub fn variants(&self) -> impl Iterator<Item = &VariantName> {
        std::iter::once(&self.first).chain(&self.rest).map(|side| &side.name)
    }

    /// The variants' names and shares, in the order they were given.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&VariantName, Probability)> {
        std::iter::once(&self.first).chain(&self.rest).map(|side| (&side.name, side.share))
    }

    /// The side that `unit` is on: the first 53 bits of SHA-256 over key and unit, read as a number in
    /// \[0, 1), looked up in the cumulated shares.
    #[must_use]
    pub fn assign(&self, unit: &Unit) -> Assignment {
        let point = hash_to_unit(self.key.as_str(), unit.as_str());
        let mut upper = self.first.share.get();
        let mut chosen = &self.first;
        for side in &self.rest {
            if point < upper {
                break;
            }
            upper += side.share.get();
            chosen = side;
        }
        Assignment {
            experiment: self.key.clone(),
            variant: chosen.name.clone(),
            share: chosen.share,
            by: AssignedBy::Hash,
            version: 1,
            spec: None,
        }
    }
}

fn check(key: &ExperimentKey, variants: &[Variant]) -> Result<()> {
    if variants.len() < 2 {
        return Err(Error::TooFewVariants { experiment: key.clone(), count: variants.len() });
    }
    for (index, variant) in variants.iter().enumerate() {
        if !(variant.weight.is_finite() && variant.weight > 0.0) {
            return Err(Error::InvalidWeight {
                experiment: key.clone(),
                variant: variant.name.clone(),
                weight: variant.weight,
            });
        }
        if variants.iter().take(index).any(|earlier| earlier.name == variant.name) {
            return Err(Error::DuplicateVariant { experiment: key.clone(), variant: variant.name.clone() });
        }
    }
    Ok(())
}

/// The key's length goes first, so that no two pairs of key and unit give the same bytes.
pub(crate) fn hash_to_unit(key: &str, unit: &str) -> f64 {
    hash_parts(key, &[unit])
}

/// The same of [`Unit::user`], without writing it down.
pub(crate) fn hash_user(key: &str, tenant: &TenantId, user: &UserId) -> f64 {
    hash_parts(key, &[tenant.as_str(), "/", user.as_str()])
}

fn hash_parts(key: &str, parts: &[&str]) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update((key.len() as u64).to_be_bytes());
    hasher.update(key.as_bytes());
    parts.iter().for_each(|part| hasher.update(part.as_bytes()));
    let word = hasher.finalize().iter().take(8).fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
    (word >> 11) as f64 / (1_u64 << 53) as f64
}
