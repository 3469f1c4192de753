//! The flows: each a short story of calls, a file each.

mod at_creation;
mod business;
mod contact_verification;
mod decisions;
mod errors;
mod hosted_link;
mod import;
mod individual;
mod listings;
mod platform;
mod poor_documents;
mod regulated;
mod updates;
mod wallet;
mod watching;

use super::script::Script;
use clap::ValueEnum;

/// A flow that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Flow {
    Platform,
    Regulated,
    HostedLink,
    ContactVerification,
    Individual,
    PoorDocuments,
    Business,
    Decisions,
    AtCreation,
    Watching,
    Import,
    Updates,
    Wallet,
    Listings,
    Errors,
}

/// What is said of a flow.
struct Words {
    /// As on the command line.
    name: &'static str,
    title: &'static str,
    about: &'static str,
}

impl Flow {
    /// Plays it to its end, or until it cannot go on.
    pub(super) async fn play(self, script: &mut Script) {
        let Words { name, title, about } = self.words();
        script.begin(name, title, about);
        let ended = match self {
            Flow::Platform => platform::play(script).await,
            Flow::Regulated => regulated::play(script).await,
            Flow::HostedLink => hosted_link::play(script).await,
            Flow::ContactVerification => contact_verification::play(script).await,
            Flow::Individual => individual::play(script).await,
            Flow::PoorDocuments => poor_documents::play(script).await,
            Flow::Business => business::play(script).await,
            Flow::Decisions => decisions::play(script).await,
            Flow::AtCreation => at_creation::play(script).await,
            Flow::Watching => watching::play(script).await,
            Flow::Import => import::play(script).await,
            Flow::Updates => updates::play(script).await,
            Flow::Wallet => wallet::play(script).await,
            Flow::Listings => listings::play(script).await,
            Flow::Errors => errors::play(script).await,
        };
        script.end().await;
        if ended.is_err() {
            script.give_up();
        }
    }

    fn words(self) -> Words {
        let (name, title, about) = match self {
            Flow::Platform => (
                "platform",
                "The platform, and what customers accept",
                "What kind of platform this is decides how customers are onboarded. Every customer accepts Grid's terms \
                 and agreements before the first transaction, and the acceptance is recorded with the customer.",
            ),
            Flow::Regulated => (
                "regulated",
                "A regulated platform",
                "A regulated financial institution verifies its customers itself: they are created, and that is all.",
            ),
            Flow::HostedLink => (
                "hosted-link",
                "The hosted link",
                "Grid collects what it needs from the applicant on a page of its own. The platform creates the customer \
                 with what it knows, sends the applicant to a link, and waits for the decision.",
            ),
            Flow::ContactVerification => (
                "contact-verification",
                "Email and phone first",
                "In some regions, such as the EU, a customer's email address and phone number are verified with one-time \
                 codes before anything else.",
            ),
            Flow::Individual => (
                "individual",
                "A person, by the API",
                "The platform collects everything in its own forms. A verification says what is missing, piece by piece, \
                 until it is complete; then a reviewer decides.",
            ),
            Flow::PoorDocuments => (
                "poor-documents",
                "Documents that are not good enough",
                "Some documents have two sides, and some are too poor to be read. They are replaced, not deleted.",
            ),
            Flow::Business => (
                "business",
                "A business, its owners and its documents",
                "A business is verified together with the people who own and control it, and with papers that prove its \
                 existence, its control, its ownership and its address.",
            ),
            Flow::Decisions => (
                "decisions",
                "Every kind of decision",
                "Grid's sandbox decides by the last three characters of a person's name and of a business's registration \
                 number, once they are complete.",
            ),
            Flow::AtCreation => (
                "at-creation",
                "Decided at creation",
                "Until September 2026 the sandbox decided about a person at creation, and about a business without \
                 looking at its papers. A switch brings that back.",
            ),
            Flow::Watching => (
                "watching",
                "Decisions as they happen",
                "Grid decides minutes or days later, and tells one URL. gridgate makes a stream of that, which every \
                 service can listen to, leave, and come back to.",
            ),
            Flow::Import => (
                "import",
                "Many customers at once",
                "A CSV file is streamed through to Grid. The answer is a job that tells how far it is and which rows \
                 failed.",
            ),
            Flow::Updates => (
                "updates",
                "Changing a customer",
                "Only the fields that are named, or populated, change. Grid cannot clear a field, but it can empty a list.",
            ),
            Flow::Wallet => (
                "wallet",
                "A change that the customer signs",
                "The email address of a customer whose embedded wallet signs in with it changes only with the wallet's \
                 signature.",
            ),
            Flow::Listings => (
                "listings",
                "Lists, filters and pages",
                "All filters that are set have to match. A page token continues the list with the same filters.",
            ),
            Flow::Errors => (
                "errors",
                "Errors, as a caller sees them",
                "A code to act on, a reason, and details for every bad field at once.",
            ),
        };
        Words { name, title, about }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_called_the_same_everywhere() {
        for flow in Flow::value_variants() {
            let name = flow.to_possible_value().unwrap();
            assert_eq!(name.get_name(), flow.words().name);
        }
    }
}
