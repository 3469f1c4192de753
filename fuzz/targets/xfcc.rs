//! Any `x-forwarded-client-cert`, and what a proxy appends to it.

#![no_main]

use gridgate::identity::xfcc::parse;
use libfuzzer_sys::fuzz_target;

const OWN: &str = "By=spiffe://mesh/proxy;Hash=00;Subject=\"CN=a\\,b\";URI=spiffe://mesh/caller;DNS=caller.mesh";

fuzz_target!(|sent: &str| {
    let _ = parse(sent);
    // Whoever sent the first elements can't change the last, which is the proxy's.
    if let Ok(elements) = parse(&format!("{sent},{OWN}")) {
        let last = elements.last().expect("there is one");
        assert_eq!((&last.uris[..], &last.dns_names[..]), (&["spiffe://mesh/caller".to_owned()][..], &["caller.mesh".to_owned()][..]));
    }
});
