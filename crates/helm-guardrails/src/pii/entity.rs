use helm_core::Severity;

/// A kind of personal data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Entity {
    AuAbn,
    AuMedicare,
    AuTfn,
    BeNrn,
    BrCnpj,
    BrCpf,
    BtcAddress,
    CaSin,
    CnResidentId,
    CreditCard,
    DeTaxId,
    Email,
    EsNie,
    EsNif,
    EthAddress,
    FiHetu,
    FrNir,
    Iban,
    Imei,
    InAadhaar,
    InPan,
    IpV4,
    IpV6,
    ItFiscalCode,
    KrRrn,
    Mac,
    NlBsn,
    Phone,
    PlPesel,
    SePersonnummer,
    SgNric,
    SwiftBic,
    ThId,
    TrTckn,
    UkNhs,
    UkNino,
    Url,
    UsAbaRouting,
    UsDea,
    UsDriverLicense,
    UsItin,
    UsMbi,
    UsNpi,
    UsPassport,
    UsSsn,
    Vin,
    ZaId,
    DateOfBirth,
    ArCuit,
    BgEgn,
    ChAhv,
    ClRut,
    CzRc,
    DkCpr,
    HrOib,
    IePps,
    IlId,
    JpMyNumber,
    MxCurp,
    NoFnr,
    PtNif,
    RoCnp,
}

/// Every kind, its name in results, and how bad it is that somebody else reads one.
pub(super) const ENTITIES: &[(Entity, &str, Severity)] = &[
    (Entity::AuAbn, "AU_ABN", Severity::Medium),
    (Entity::AuMedicare, "AU_MEDICARE", Severity::High),
    (Entity::AuTfn, "AU_TFN", Severity::High),
    (Entity::BeNrn, "BE_NRN", Severity::High),
    (Entity::BrCnpj, "BR_CNPJ", Severity::Low),
    (Entity::BrCpf, "BR_CPF", Severity::High),
    (Entity::BtcAddress, "BTC_ADDRESS", Severity::Medium),
    (Entity::CaSin, "CA_SIN", Severity::High),
    (Entity::CnResidentId, "CN_RESIDENT_ID", Severity::High),
    (Entity::CreditCard, "CREDIT_CARD", Severity::High),
    (Entity::DeTaxId, "DE_TAX_ID", Severity::High),
    (Entity::Email, "EMAIL", Severity::Medium),
    (Entity::EsNie, "ES_NIE", Severity::High),
    (Entity::EsNif, "ES_NIF", Severity::High),
    (Entity::EthAddress, "ETH_ADDRESS", Severity::Medium),
    (Entity::FiHetu, "FI_HETU", Severity::High),
    (Entity::FrNir, "FR_NIR", Severity::High),
    (Entity::Iban, "IBAN", Severity::High),
    (Entity::Imei, "IMEI", Severity::Medium),
    (Entity::InAadhaar, "IN_AADHAAR", Severity::High),
    (Entity::InPan, "IN_PAN", Severity::High),
    (Entity::IpV4, "IPV4", Severity::Low),
    (Entity::IpV6, "IPV6", Severity::Low),
    (Entity::ItFiscalCode, "IT_FISCAL_CODE", Severity::High),
    (Entity::KrRrn, "KR_RRN", Severity::High),
    (Entity::Mac, "MAC", Severity::Low),
    (Entity::NlBsn, "NL_BSN", Severity::High),
    (Entity::Phone, "PHONE", Severity::Medium),
    (Entity::PlPesel, "PL_PESEL", Severity::High),
    (Entity::SePersonnummer, "SE_PERSONNUMMER", Severity::High),
    (Entity::SgNric, "SG_NRIC", Severity::High),
    (Entity::SwiftBic, "SWIFT_BIC", Severity::Low),
    (Entity::ThId, "TH_ID", Severity::High),
    (Entity::TrTckn, "TR_TCKN", Severity::High),
    (Entity::UkNhs, "UK_NHS", Severity::High),
    (Entity::UkNino, "UK_NINO", Severity::High),
    (Entity::Url, "URL", Severity::Info),
    (Entity::UsAbaRouting, "US_ABA_ROUTING", Severity::Low),
    (Entity::UsDea, "US_DEA", Severity::Medium),
    (Entity::UsDriverLicense, "US_DRIVER_LICENSE", Severity::High),
    (Entity::UsItin, "US_ITIN", Severity::High),
    (Entity::UsMbi, "US_MBI", Severity::High),
    (Entity::UsNpi, "US_NPI", Severity::Low),
    (Entity::UsPassport, "US_PASSPORT", Severity::High),
    (Entity::UsSsn, "US_SSN", Severity::High),
    (Entity::Vin, "VIN", Severity::Medium),
    (Entity::ZaId, "ZA_ID", Severity::High),
    (Entity::DateOfBirth, "DATE_OF_BIRTH", Severity::Medium),
    (Entity::ArCuit, "AR_CUIT", Severity::High),
    (Entity::BgEgn, "BG_EGN", Severity::High),
    (Entity::ChAhv, "CH_AHV", Severity::High),
    (Entity::ClRut, "CL_RUT", Severity::High),
    (Entity::CzRc, "CZ_RC", Severity::High),
    (Entity::DkCpr, "DK_CPR", Severity::High),
    (Entity::HrOib, "HR_OIB", Severity::High),
    (Entity::IePps, "IE_PPS", Severity::High),
    (Entity::IlId, "IL_ID", Severity::High),
    (Entity::JpMyNumber, "JP_MY_NUMBER", Severity::High),
    (Entity::MxCurp, "MX_CURP", Severity::High),
    (Entity::NoFnr, "NO_FNR", Severity::High),
    (Entity::PtNif, "PT_NIF", Severity::High),
    (Entity::RoCnp, "RO_CNP", Severity::High),
];

impl Entity {
    /// A set that holds this alone.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u32
    }

    /// Its name in results.
    pub(super) fn name(self) -> &'static str {
        ENTITIES.get(self as usize).map_or("", |(_, name, _)| name)
    }

    /// How bad it is that somebody else reads one.
    pub(super) fn severity(self) -> Severity {
        ENTITIES.get(self as usize).map_or(Severity::Medium, |(_, _, severity)| *severity)
    }

    /// The kind of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        ENTITIES.iter().find(|(_, known, _)| *known == name).map(|(entity, _, _)| *entity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_kinds_and_fits_a_set() {
        for (place, (entity, name, _)) in ENTITIES.iter().enumerate() {
            assert_eq!(*entity as usize, place);
            assert_eq!(Entity::named(name), Some(*entity));
            assert_eq!(entity.name(), *name);
        }
        assert!(ENTITIES.len() <= 64);
    }
}
