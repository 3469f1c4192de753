//! Patterns of methods: `package.Service/Method`, where either part may end with `*`.
//!
//! No pattern grants some methods: their callers decide about more than customers, so a policy must name them exactly.

use std::sync::Arc;

/// The methods that only their exact name grants, never a pattern and never the absence of a policy.
///
/// - `UpdatePlatformConfig` redirects every webhook, payment approvals included.
const BY_NAME_ONLY: [&str; 1] = ["gridgate.v1.PlatformService/UpdatePlatformConfig"];

/// Whether only the exact name of a method grants it.
pub(in crate::identity) fn is_by_name_only(method: &str) -> bool {
    BY_NAME_ONLY.contains(&method)
}

/// The methods that a pattern means.
///
/// # Errors
/// It is no pattern, or there is no such method; with what may have been meant.
pub(super) fn matching<'m>(pattern: &str, methods: &'m [Arc<str>]) -> Result<Vec<&'m Arc<str>>, String> {
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
    let found = methods.iter().filter(|name| {
        let (of, called) = name.split_once('/').unwrap_or((name, ""));
        fits(service, of) && fits(method, called)
    });
    let (found, by_name_only): (Vec<_>, Vec<_>) =
        found.partition(|name| name.as_ref() == pattern || !is_by_name_only(name));
    if let ([], [only, ..]) = (found.as_slice(), by_name_only.as_slice()) {
        return Err(format!("\"{pattern}\" does not grant {only}: only its exact name does, without *"));
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
fn suggestion(pattern: &str, methods: &[Arc<str>]) -> String {
    methods
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(pattern, name), name))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_meant_is_granted_by_its_name_alone() {
        let name = BY_NAME_ONLY[0];
        let methods: Vec<Arc<str>> = [name, "gridgate.v1.PlatformService/GetPlatformConfig"].map(Arc::from).into();
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
        let methods: Vec<Arc<str>> =
            ["a.v1.One/GetA", "a.v1.One/SetA", "a.v1.Two/GetB", "b.Three/Go"].map(Arc::from).into();
        let found = |pattern: &str| -> Vec<String> {
            matching(pattern, &methods).unwrap().into_iter().map(|name| name.to_string()).collect()
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
