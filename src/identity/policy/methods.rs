//! Patterns of methods: `package.Service/Method`, where either part may end with `*`.
//!
//! No pattern grants some methods: their callers decide about more than customers, so a policy must name them exactly.

use std::sync::Arc;

/// A method that a policy can grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantable {
    /// `package.Service/Method`.
    pub name: Arc<str>,
    /// Whether only its exact name grants it, never a pattern and never the absence of a policy.
    pub by_name_only: bool,
}

impl From<&str> for Grantable {
    /// One that patterns grant, too.
    fn from(name: &str) -> Self {
        Grantable { name: name.into(), by_name_only: false }
    }
}

/// The methods that a pattern means.
///
/// # Errors
/// It is no pattern, or there is no such method; with what may have been meant.
pub(super) fn matching<'m>(pattern: &str, methods: &'m [Grantable]) -> Result<Vec<&'m Grantable>, String> {
    let Some((service, method)) = pattern.split_once('/') else {
        return Err(format!(
            "\"{pattern}\" is no method: write package.Service/Method, or package.Service/* for all of a service"
        ));
    };
    if [service, method]
        .iter()
        .any(|part| part.is_empty() || part.trim_end_matches('*').contains('*') || part.ends_with("**"))
    {
        return Err(format!("\"{pattern}\": only the end of the service and of the method can be *"));
    }
    let found = methods.iter().filter(|candidate| {
        let (of, called) = candidate.name.split_once('/').unwrap_or((&candidate.name, ""));
        fits(service, of) && fits(method, called)
    });
    let (found, by_name_only): (Vec<_>, Vec<_>) =
        found.partition(|method| *method.name == *pattern || !method.by_name_only);
    if let ([], [only, ..]) = (found.as_slice(), by_name_only.as_slice()) {
        return Err(format!("\"{pattern}\" does not grant {}: only its exact name does, without *", only.name));
    }
    if found.is_empty() {
        return Err(format!("there is no method \"{pattern}\"{}", suggestion(pattern, methods)));
    }
    Ok(found)
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

/// `; did you mean …?` where a method is called almost that.
fn suggestion(pattern: &str, methods: &[Grantable]) -> String {
    methods
        .iter()
        .map(|method| (strsim::normalized_damerau_levenshtein(pattern, &method.name), &method.name))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_meant_is_granted_by_its_name_alone() {
        let name = "gridgate.v1.PlatformService/UpdatePlatformConfig";
        let by_name_only = Grantable { name: name.into(), by_name_only: true };
        let methods = [by_name_only, "gridgate.v1.PlatformService/GetPlatformConfig".into()];
        assert_eq!(matching(name, &methods).unwrap(), [&methods[0]]);
        for pattern in ["*/*", "gridgate.v1.PlatformService/*", "gridgate.v1.*/*"] {
            assert_eq!(matching(pattern, &methods).unwrap(), [&methods[1]], "{pattern}");
        }
        for pattern in
            ["*/Update*", "gridgate.v1.PlatformService/UpdatePlatformConfig*", "gridgate*/UpdatePlatformConfig"]
        {
            assert!(matching(pattern, &methods).unwrap_err().contains("only its exact name"), "{pattern}");
        }
    }

    #[test]
    fn patterns() {
        let methods = ["a.v1.One/GetA", "a.v1.One/SetA", "a.v1.Two/GetB", "b.Three/Go"].map(Grantable::from);
        let found = |pattern: &str| -> Vec<String> {
            matching(pattern, &methods).unwrap().into_iter().map(|method| method.name.to_string()).collect()
        };
        assert_eq!(found("a.v1.One/GetA"), ["a.v1.One/GetA"]);
        assert_eq!(found("a.v1.One/*"), ["a.v1.One/GetA", "a.v1.One/SetA"]);
        assert_eq!(found("a.v1.*/Get*"), ["a.v1.One/GetA", "a.v1.Two/GetB"]);
        assert_eq!(found("*/*").len(), 4);
        for wrong in [
            "",
            "*",
            "a.v1.One",
            "/",
            "a.v1.One/",
            "/GetA",
            "a.*.One/GetA",
            "a.v1.One/**",
            "a.v1.One/G*A",
            "a.v1.One/geta",
            "c/*",
        ] {
            assert!(matching(wrong, &methods).is_err(), "{wrong:?}");
        }
        assert!(matching("a.v1.One/GetAA", &methods).unwrap_err().ends_with("did you mean a.v1.One/GetA?"));
    }
}
