//! How numbers are printed. `9` is a digit, `A` a letter, `N` either, `_` one of space, hyphen, full stop and slash;
//! all else stands for itself. A number is matched whole: no letter or digit of ASCII may adjoin it.

use std::sync::LazyLock;

use super::checks;
use super::entity::Entity;
use crate::bytes::Kinds;

/// One way to print a number.
pub(super) struct Shape {
    pub(super) entity: Entity,
    pub(super) mask: &'static str,
    /// Decides on the letters, in capitals, and digits.
    pub(super) check: fn(&[u8]) -> bool,
    /// The score without a label beside it; 0 for what is only known by its label.
    pub(super) bare: f64,
}

const fn shape(entity: Entity, mask: &'static str, check: fn(&[u8]) -> bool, bare: f64) -> Shape {
    Shape { entity, mask, check, bare }
}

static SHAPES: &[Shape] = &[
    shape(Entity::CreditCard, "9999999999999999", checks::any_card, 0.8),
    shape(Entity::CreditCard, "999999999999999", checks::any_card, 0.7),
    shape(Entity::CreditCard, "99999999999999", checks::any_card, 0.7),
    shape(Entity::CreditCard, "9999_9999_9999_9999", checks::any_card, 0.85),
    shape(Entity::CreditCard, "9999_999999_99999", checks::any_card, 0.85),
    shape(Entity::CreditCard, "9999_999999_9999", checks::any_card, 0.85),
    shape(Entity::CreditCard, "9999_9999_9999_9999_999", checks::any_card, 0.85),
    shape(Entity::CreditCard, "999999999999", checks::any_card, 0.0),
    shape(Entity::CreditCard, "9999999999999", checks::any_card, 0.0),
    shape(Entity::CreditCard, "99999999999999999", checks::any_card, 0.0),
    shape(Entity::CreditCard, "999999999999999999", checks::any_card, 0.0),
    shape(Entity::CreditCard, "9999999999999999999", checks::any_card, 0.0),
    shape(Entity::CreditCard, "9999_9999_9999", checks::any_card, 0.0),
    shape(Entity::CreditCard, "9999_9999_9999_9", checks::any_card, 0.0),
    shape(Entity::UsSsn, "999-99-9999", checks::us_ssn, 0.75),
    shape(Entity::UsSsn, "999_99_9999", checks::us_ssn, 0.0),
    shape(Entity::UsSsn, "999999999", checks::us_ssn, 0.0),
    shape(Entity::UsItin, "999-99-9999", checks::us_itin, 0.65),
    shape(Entity::UsItin, "999_99_9999", checks::us_itin, 0.0),
    shape(Entity::UsItin, "999999999", checks::us_itin, 0.0),
    shape(Entity::UsNpi, "9999999999", checks::us_npi, 0.0),
    shape(Entity::UsDea, "AA9999999", checks::us_dea, 0.0),
    shape(Entity::UsMbi, "9NNNNNNNNNN", checks::us_mbi, 0.0),
    shape(Entity::UsMbi, "9NNN-NNN-NNNN", checks::us_mbi, 0.6),
    shape(Entity::UsMbi, "9NNN NNN NNNN", checks::us_mbi, 0.0),
    shape(Entity::UsAbaRouting, "999999999", checks::us_aba, 0.0),
    shape(Entity::UsAbaRouting, "9999-9999-9", checks::us_aba, 0.0),
    shape(Entity::UsPassport, "A99999999", checks::any, 0.0),
    shape(Entity::UsPassport, "999999999", checks::any, 0.0),
    shape(Entity::CaSin, "999_999_999", checks::ca_sin, 0.0),
    shape(Entity::CaSin, "999999999", checks::ca_sin, 0.0),
    shape(Entity::UkNhs, "999_999_9999", checks::uk_nhs, 0.0),
    shape(Entity::UkNhs, "9999999999", checks::uk_nhs, 0.0),
    shape(Entity::UkNino, "AA999999A", checks::uk_nino, 0.0),
    shape(Entity::UkNino, "AA_99_99_99_A", checks::uk_nino, 0.6),
    shape(Entity::UkNino, "AA_999999_A", checks::uk_nino, 0.0),
    shape(Entity::AuTfn, "999_999_999", checks::au_tfn, 0.0),
    shape(Entity::AuTfn, "999999999", checks::au_tfn, 0.0),
    shape(Entity::AuTfn, "99999999", checks::au_tfn, 0.0),
    shape(Entity::AuAbn, "99_999_999_999", checks::au_abn, 0.0),
    shape(Entity::AuAbn, "99999999999", checks::au_abn, 0.0),
    shape(Entity::AuMedicare, "9999_99999_9", checks::au_medicare, 0.0),
    shape(Entity::AuMedicare, "9999_99999_9_9", checks::au_medicare, 0.0),
    shape(Entity::AuMedicare, "9999999999", checks::au_medicare, 0.0),
    shape(Entity::InAadhaar, "9999_9999_9999", checks::in_aadhaar, 0.0),
    shape(Entity::InAadhaar, "999999999999", checks::in_aadhaar, 0.0),
    shape(Entity::InPan, "AAAAA9999A", checks::in_pan, 0.0),
    shape(Entity::DeTaxId, "99_999_999_999", checks::de_tax_id, 0.0),
    shape(Entity::DeTaxId, "99_99_99_99_999", checks::de_tax_id, 0.0),
    shape(Entity::DeTaxId, "99999999999", checks::de_tax_id, 0.0),
    shape(Entity::FrNir, "999999999999999", checks::fr_nir, 0.0),
    shape(Entity::FrNir, "9_99_99_99_999_999_99", checks::fr_nir, 0.8),
    shape(Entity::FrNir, "9_99_99_9A_999_999_99", checks::fr_nir, 0.8),
    shape(Entity::FrNir, "999999A99999999", checks::fr_nir, 0.7),
    shape(Entity::FrNir, "9999999999999_99", checks::fr_nir, 0.0),
    shape(Entity::EsNif, "99999999A", checks::es_nif, 0.0),
    shape(Entity::EsNif, "99999999-A", checks::es_nif, 0.55),
    shape(Entity::EsNif, "99.999.999_A", checks::es_nif, 0.6),
    shape(Entity::EsNif, "99.999.999A", checks::es_nif, 0.6),
    shape(Entity::EsNie, "A9999999A", checks::es_nie, 0.7),
    shape(Entity::EsNie, "A-9999999-A", checks::es_nie, 0.7),
    shape(Entity::EsNie, "A_9999999_A", checks::es_nie, 0.0),
    shape(Entity::EsNie, "A9999999_A", checks::es_nie, 0.0),
    shape(Entity::ItFiscalCode, "AAAAAANNANNANNNA", checks::it_fiscal_code, 0.9),
    shape(Entity::ItFiscalCode, "AAA AAA NNANN ANNNA", checks::it_fiscal_code, 0.8),
    shape(Entity::NlBsn, "999999999", checks::nl_bsn, 0.0),
    shape(Entity::NlBsn, "999_999_999", checks::nl_bsn, 0.0),
    shape(Entity::NlBsn, "9999_99_999", checks::nl_bsn, 0.0),
    shape(Entity::BeNrn, "99.99.99-999.99", checks::be_nrn, 0.8),
    shape(Entity::BeNrn, "99_99_99_999_99", checks::be_nrn, 0.0),
    shape(Entity::BeNrn, "99999999999", checks::be_nrn, 0.0),
    shape(Entity::PlPesel, "99999999999", checks::pl_pesel, 0.0),
    shape(Entity::TrTckn, "99999999999", checks::tr_tckn, 0.0),
    shape(Entity::TrTckn, "999_999_999_99", checks::tr_tckn, 0.0),
    shape(Entity::SePersonnummer, "999999-9999", checks::se_personnummer, 0.55),
    shape(Entity::SePersonnummer, "99999999-9999", checks::se_personnummer, 0.65),
    shape(Entity::SePersonnummer, "999999+9999", checks::se_personnummer, 0.55),
    shape(Entity::SePersonnummer, "999999_9999", checks::se_personnummer, 0.0),
    shape(Entity::SePersonnummer, "99999999_9999", checks::se_personnummer, 0.0),
    shape(Entity::SePersonnummer, "9999999999", checks::se_personnummer, 0.0),
    shape(Entity::SePersonnummer, "999999999999", checks::se_personnummer, 0.0),
    shape(Entity::FiHetu, "999999-999N", checks::fi_hetu, 0.7),
    shape(Entity::FiHetu, "999999+999N", checks::fi_hetu, 0.7),
    shape(Entity::FiHetu, "999999A999N", checks::fi_hetu, 0.7),
    shape(Entity::KrRrn, "999999-9999999", checks::kr_rrn, 0.7),
    shape(Entity::KrRrn, "999999_9999999", checks::kr_rrn, 0.0),
    shape(Entity::KrRrn, "9999999999999", checks::kr_rrn, 0.0),
    shape(Entity::ThId, "9999999999999", checks::th_id, 0.0),
    shape(Entity::ThId, "9-9999-99999-99-9", checks::th_id, 0.8),
    shape(Entity::ThId, "9_9999_99999_99_9", checks::th_id, 0.0),
    shape(Entity::SgNric, "A9999999A", checks::sg_nric, 0.6),
    shape(Entity::ZaId, "9999999999999", checks::za_id, 0.0),
    shape(Entity::ZaId, "999999_9999_99_9", checks::za_id, 0.0),
    shape(Entity::ZaId, "999999_9999_999", checks::za_id, 0.0),
    shape(Entity::CnResidentId, "999999999999999999", checks::cn_resident_id, 0.85),
    shape(Entity::CnResidentId, "99999999999999999A", checks::cn_resident_id, 0.85),
    shape(Entity::CnResidentId, "999999_99999999_999N", checks::cn_resident_id, 0.85),
    shape(Entity::BrCpf, "999.999.999-99", checks::br_cpf, 0.8),
    shape(Entity::BrCpf, "999_999_999_99", checks::br_cpf, 0.0),
    shape(Entity::BrCpf, "99999999999", checks::br_cpf, 0.0),
    shape(Entity::BrCnpj, "99.999.999/9999-99", checks::br_cnpj, 0.85),
    shape(Entity::BrCnpj, "99999999999999", checks::br_cnpj, 0.0),
    shape(Entity::Vin, "NNNNNNNNNNNNNNNNN", checks::vin, 0.6),
    shape(Entity::Vin, "NNNNNNNNNNNNNNNNN", checks::looks_like_vin, 0.0),
    shape(Entity::Imei, "999999999999999", checks::imei, 0.0),
    shape(Entity::Imei, "99_999999_999999_9", checks::imei, 0.7),
    shape(Entity::DateOfBirth, "9999_99_99", checks::birth_date, 0.0),
    shape(Entity::DateOfBirth, "99_99_9999", checks::birth_date, 0.0),
    shape(Entity::ArCuit, "99-99999999-9", checks::ar_cuit, 0.65),
    shape(Entity::ArCuit, "99999999999", checks::ar_cuit, 0.0),
    shape(Entity::BgEgn, "9999999999", checks::bg_egn, 0.0),
    shape(Entity::ChAhv, "756.9999.9999.99", checks::ch_ahv, 0.85),
    shape(Entity::ChAhv, "9999999999999", checks::ch_ahv, 0.0),
    shape(Entity::ChAhv, "999_9999_9999_99", checks::ch_ahv, 0.0),
    shape(Entity::ClRut, "99.999.999-N", checks::cl_rut, 0.6),
    shape(Entity::ClRut, "9.999.999-N", checks::cl_rut, 0.6),
    shape(Entity::ClRut, "99999999-N", checks::cl_rut, 0.0),
    shape(Entity::ClRut, "9999999-N", checks::cl_rut, 0.0),
    shape(Entity::CzRc, "999999/9999", checks::cz_rc, 0.65),
    shape(Entity::CzRc, "9999999999", checks::cz_rc, 0.0),
    shape(Entity::DkCpr, "999999-9999", checks::dk_cpr, 0.0),
    shape(Entity::DkCpr, "9999999999", checks::dk_cpr, 0.0),
    shape(Entity::HrOib, "99999999999", checks::hr_oib, 0.0),
    shape(Entity::IePps, "9999999A", checks::ie_pps, 0.0),
    shape(Entity::IePps, "9999999AA", checks::ie_pps, 0.0),
    shape(Entity::IlId, "999999999", checks::il_id, 0.0),
    shape(Entity::JpMyNumber, "9999_9999_9999", checks::jp_my_number, 0.0),
    shape(Entity::JpMyNumber, "999999999999", checks::jp_my_number, 0.0),
    shape(Entity::MxCurp, "AAAA999999AAAAAAN9", checks::mx_curp, 0.9),
    shape(Entity::NoFnr, "99999999999", checks::no_fnr, 0.0),
    shape(Entity::NoFnr, "999999_99999", checks::no_fnr, 0.0),
    shape(Entity::PtNif, "999999999", checks::pt_nif, 0.0),
    shape(Entity::PtNif, "999_999_999", checks::pt_nif, 0.0),
    shape(Entity::RoCnp, "9999999999999", checks::ro_cnp, 0.0),
];

/// The longest first run of letters and digits of all masks, and one.
const LENGTHS: usize = 20;

/// A shape, and what is asked first of a candidate.
pub(super) struct Listed {
    pub(super) shape: &'static Shape,
    wanted: Picture,
}

/// Where in a text or a mask there are digits, letters, letters or digits, and what joins them: a bit a place. A hyphen and
/// a full stop are also told alone.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(super) struct Picture {
    digits: u32,
    letters: u32,
    either: u32,
    joints: u32,
    hyphens: u32,
    stops: u32,
}

/// The longest mask.
const MASK: usize = 24;

impl Picture {
    /// The picture of what stands at the beginning of `text`. All of it is looked at in a few steps, without asking what a
    /// byte is.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut bytes = [0; MASK];
        match text.first_chunk() {
            Some(first) => bytes = *first,
            None => bytes.iter_mut().zip(text).for_each(|(to, byte)| *to = *byte),
        }
        let mut picture = Self::default();
        for (place, eight) in bytes.as_chunks().0.iter().enumerate() {
            let Kinds { digits, letters, joints, hyphens, stops } = Kinds::of(*eight);
            let at = |bits: u8| u32::from(bits) << (8 * place);
            picture.digits |= at(digits);
            picture.letters |= at(letters);
            picture.joints |= at(joints);
            picture.hyphens |= at(hyphens);
            picture.stops |= at(stops);
        }
        picture.either = picture.digits | picture.letters;
        picture
    }

    /// Of what a mask asks for. Of what stands for itself hyphens and full stops are told, spaces and slashes as joints, and
    /// digits and `+` left out.
    fn asked_by(mask: &str) -> Self {
        let of = |class: u8| {
            mask.bytes().enumerate().fold(0, |bits, (place, byte)| bits | u32::from(byte == class) << place)
        };
        Self {
            digits: of(b'9'),
            letters: of(b'A'),
            either: of(b'N'),
            joints: of(b'_') | of(b' ') | of(b'/'),
            hyphens: of(b'-'),
            stops: of(b'.'),
        }
    }

    fn holds(&self, wanted: &Self) -> bool {
        let misses = wanted.digits & !self.digits
            | wanted.letters & !self.letters
            | wanted.either & !self.either
            | wanted.joints & !self.joints
            | wanted.hyphens & !self.hyphens
            | wanted.stops & !self.stops;
        misses == 0
    }
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/')
}

/// Shapes by the length of their first run of letters and digits.
static BY_LENGTH: LazyLock<[Vec<Listed>; LENGTHS]> = LazyLock::new(|| {
    let listed = |shape: &'static Shape| Listed { shape, wanted: Picture::asked_by(shape.mask) };
    std::array::from_fn(|length| {
        SHAPES.iter().filter(|shape| first_run(shape.mask) == length).map(listed).collect()
    })
});

impl Listed {
    /// Whether a text of this picture may have the shape; what a picture does not tell is left to the shape.
    pub(super) fn fits(&self, picture: &Picture) -> bool {
        picture.holds(&self.wanted)
    }
}

fn first_run(mask: &str) -> usize {
    mask.bytes().take_while(u8::is_ascii_alphanumeric).count()
}

/// The shapes whose first run of letters and digits is this long.
pub(super) fn of_length(length: usize) -> &'static [Listed] {
    BY_LENGTH.get(length).map_or(&[], Vec::as_slice)
}

/// What a mask matched.
#[derive(Clone, Copy)]
pub(super) struct Matched {
    bytes: [u8; 24],
    length: usize,
    /// How long it is in the text.
    pub(super) len: usize,
    /// Whether there are small letters in it.
    pub(super) is_small: bool,
}

impl Matched {
    /// Its letters, in capitals, and digits.
    pub(super) fn value(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Shape {
    /// Matches the beginning of `text`, without regard to what follows.
    pub(super) fn matches(&self, text: &[u8]) -> Option<Matched> {
        let mut matched = Matched { bytes: [0; 24], length: 0, len: self.mask.len(), is_small: false };
        for (class, byte) in self.mask.bytes().zip(text.get(..self.mask.len())?) {
            let fits = match class {
                b'9' => byte.is_ascii_digit(),
                b'A' => byte.is_ascii_alphabetic(),
                b'N' => byte.is_ascii_alphanumeric(),
                b'_' => is_joint(*byte),
                literal => literal == *byte,
            };
            if !fits {
                return None;
            }
            if byte.is_ascii_alphanumeric() {
                *matched.bytes.get_mut(matched.length)? = byte.to_ascii_uppercase();
                matched.length += 1;
                matched.is_small |= byte.is_ascii_lowercase();
            }
        }
        Some(matched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_match_what_they_say() {
        let shape = shape(Entity::UkNino, "AA_99-N", checks::any, 0.0);
        let matched = shape.matches(b"ab 12-C!").unwrap();
        assert_eq!((matched.value(), matched.len, matched.is_small), (&b"AB12C"[..], 7, true));
        for other in ["ab 12 C", "a1 12-C", "ab,12-C", "ab 12-", "ab 1x-C"] {
            assert!(shape.matches(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_picture_shows_what_masks_ask_for() {
        let picture = Picture::of(b"4111 1a-22x/3 and a word 12.34.56 7");
        assert!(picture.holds(&Picture::asked_by("9999_9A-99A/9_AAA_A_AAAA")));
        assert!(!picture.holds(&Picture::asked_by("NNNN N9")));
        for other in ["9999_99", "9999-", "9999.", "999999999", "A"] {
            assert!(!picture.holds(&Picture::asked_by(other)), "{other}");
        }
        assert!(Picture::of(b"1.").holds(&Picture::asked_by("9.")));
        assert!(!Picture::of(b"1.").holds(&Picture::asked_by("9.9")));
    }

    #[test]
    fn every_shape_is_found_by_its_length_and_fits_the_buffer() {
        let found: usize = (0..LENGTHS).map(|length| of_length(length).len()).sum();
        assert_eq!(found, SHAPES.len());
        for shape in SHAPES {
            let text = shape.mask.replace(['A', 'N'], "7").replace('_', " ").replace('9', "1");
            let text =
                if shape.mask.contains('A') { shape.mask.replace('_', " ").replace('N', "1") } else { text };
            assert!(
                shape.matches(text.replace('9', "1").as_bytes()).is_some() || shape.mask.starts_with("756"),
                "{}",
                shape.mask
            );
        }
    }
}
