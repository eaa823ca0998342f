//! Country codes: which there are, and which of them a user asked for.

use std::collections::BTreeSet;

/// Every two-letter code that ISO 3166-1 assigns, in alphabetical order.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::codes;
///
/// assert_eq!(codes::ALL.len(), 249);
/// assert_eq!((codes::ALL[0], codes::ALL[248]), ("AD", "ZW"));
/// ```
pub const ALL: [&str; 249] = [
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS",
    "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN",
    "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF",
    "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM",
    "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM",
    "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC",
    "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK",
    "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA",
    "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG",
    "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW",
    "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS",
    "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO",
    "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI",
    "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
];

/// The twenty countries that are asked for when nobody says which.
///
/// They were the most populous ones when the program this one follows was written.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::codes;
///
/// assert!(codes::TWENTY.iter().all(|code| codes::ALL.contains(code)));
/// ```
pub const TWENTY: [&str; 20] = [
    "BD", "BR", "CD", "CN", "DE", "EG", "ET", "FR", "ID", "IN", "IR", "JP", "MX", "NG", "PH", "PK",
    "RU", "TR", "US", "VN",
];

/// Which codes a user asked for.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::codes::Wanted;
///
/// let wanted = Wanted { named: vec!["se".into(), "no".into()], ..Wanted::default() };
/// assert_eq!(wanted.codes().unwrap(), ["NO", "SE"]);
///
/// let wanted = Wanted { all: true, limit: Some(3), ..Wanted::default() };
/// assert_eq!(wanted.codes().unwrap(), ["AD", "AE", "AF"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Codes by name, in either case. A single letter means every pair that starts with it.
    pub named: Vec<String>,
    /// Every code of ISO 3166-1.
    pub all: bool,
    /// Every pair of letters from AA to ZZ, most of which are nobody's.
    pub every: bool,
    /// At most so many, the first in alphabetical order.
    pub limit: Option<usize>,
    /// Whether a named pair of letters may be one that ISO 3166-1 does not assign.
    ///
    /// A server elsewhere may have more (XK, EU); ours has not.
    pub unassigned: bool,
}

impl Wanted {
    /// The codes in capitals and in alphabetical order, each once.
    ///
    /// [`TWENTY`] when nothing was asked for.
    ///
    /// # Errors
    ///
    /// When one of the names is no country code.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_fetch::codes::Wanted;
    ///
    /// let wanted = Wanted { named: vec!["ZZ".into()], ..Wanted::default() };
    /// assert_eq!(wanted.codes().unwrap_err().to_string(), "unknown country code \"ZZ\"");
    /// ```
    pub fn codes(&self) -> Result<Vec<String>, UnknownCode> {
        let mut codes = BTreeSet::new();
        for name in &self.named {
            codes.extend(self.expand(name)?);
        }
        // Whoever wants all of them wants those by name, too; but a slip is a slip.
        if self.every {
            codes = letters().flat_map(pairs_from).collect();
        } else if self.all {
            codes = ALL.map(String::from).into();
        }
        if codes.is_empty() {
            codes.extend(TWENTY.map(String::from));
        }
        Ok(codes.into_iter().take(self.limit.unwrap_or(usize::MAX)).collect())
    }

    fn expand(&self, name: &str) -> Result<Vec<String>, UnknownCode> {
        let code = name.to_ascii_uppercase();
        let mut chars = code.chars();
        match (chars.next(), chars.next(), chars.next()) {
            (Some(first @ 'A'..='Z'), None, _) => Ok(pairs_from(first).collect()),
            (Some('A'..='Z'), Some('A'..='Z'), None) if self.unassigned || is_assigned(&code) => {
                Ok(vec![code])
            }
            _ => Err(UnknownCode(name.to_owned())),
        }
    }
}

/// Somebody asked for a country code that there is not.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::codes::UnknownCode;
///
/// assert_eq!(UnknownCode("SWE".into()).to_string(), "unknown country code \"SWE\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode(pub String);

impl std::fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unknown country code {:?}", self.0)
    }
}

impl std::error::Error for UnknownCode {}

/// Whether ISO 3166-1 assigns this code, which is in capitals.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::codes;
///
/// assert!(codes::is_assigned("SE"));
/// assert!(!codes::is_assigned("ZZ"));
/// ```
pub fn is_assigned(code: &str) -> bool {
    ALL.binary_search(&code).is_ok()
}

fn letters() -> impl Iterator<Item = char> {
    'A'..='Z'
}

fn pairs_from(first: char) -> impl Iterator<Item = String> {
    letters().map(move |second| format!("{first}{second}"))
}

#[cfg(test)]
mod tests;
