//! A Grid that says what the test wants it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gridgate::kyc::id::{CustomerId, EntityKey, VerificationId};
use gridgate::kyc::source::{CustomerAnswer, CustomerSource, CustomersPage, SourceError, VerificationAnswer};
use gridgate::kyc::status::{KycStatus, VerificationStatus};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use crate::event_log::seen::{customer, platform};

/// What Grid was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    Entity(EntityKey),
    List { updated_after: Option<Timestamp>, cursor: Option<String> },
}

/// Lists that lead nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OddList {
    /// There is more, and no cursor.
    Truncated,
    /// The next page is one that was there.
    Round,
}

/// Which lists fail, and how.
type Failing = (fn(&Question) -> bool, SourceError);

#[derive(Default)]
struct State {
    customers: BTreeMap<CustomerId, CustomerAnswer>,
    verifications: BTreeMap<VerificationId, VerificationAnswer>,
    /// What everything fails with.
    failing: Option<SourceError>,
    /// What questions about one customer fail with.
    failing_for: BTreeMap<CustomerId, SourceError>,
    /// The lists that fail, and with what.
    failing_lists: Option<Failing>,
    /// How many questions will panic.
    panics: usize,
    odd_lists: Option<OddList>,
    questions: Vec<Question>,
    under_way: usize,
    most_under_way: usize,
}

/// Grid, as the test has it.
pub struct Grid {
    state: Mutex<State>,
    /// How many questions there were; to wait for.
    asked: watch::Sender<usize>,
    /// While this has no permits, answers are held back after they were made.
    gate: Semaphore,
    page: usize,
}

impl Grid {
    pub fn new() -> Arc<Self> {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { state: Mutex::default(), asked: watch::Sender::new(0), gate, page: 3 })
    }

    pub fn set(&self, name: &str, word: &str, updated_at: Timestamp) {
        let answer = CustomerAnswer {
            id: customer(name),
            platform_customer: Some(platform(&format!("ours-{name}"))),
            status: Some(KycStatus::from_word(word)),
            deleted: false,
            updated_at: Some(updated_at),
        };
        self.state.lock().unwrap().customers.insert(customer(name), answer);
    }

    pub fn set_verification(&self, of: &str, id: &VerificationId, word: &str) {
        let answer = VerificationAnswer {
            id: id.clone(),
            customer: customer(of),
            status: VerificationStatus::from_word(word),
            problems: vec![],
            updated_at: None,
        };
        self.state.lock().unwrap().verifications.insert(id.clone(), answer);
    }

    pub fn fail(&self, with: Option<SourceError>) {
        self.state.lock().unwrap().failing = with;
    }

    pub fn fail_for(&self, name: &str, with: SourceError) {
        self.state.lock().unwrap().failing_for.insert(customer(name), with);
    }

    pub fn mend_for(&self, name: &str) {
        self.state.lock().unwrap().failing_for.remove(&customer(name));
    }

    /// Those lists fail, and nothing else does.
    pub fn fail_lists(&self, failing: Option<Failing>) {
        self.state.lock().unwrap().failing_lists = failing;
    }

    /// Panics at the next questions.
    pub fn panic_at_next(&self, questions: usize) {
        self.state.lock().unwrap().panics = questions;
    }

    /// Makes answers, and keeps them.
    /// Lists lead nowhere, or somewhere again.
    pub fn list_oddly(&self, odd: Option<OddList>) {
        self.state.lock().unwrap().odd_lists = odd;
    }

    pub fn hold_answers(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn let_answers_go(&self) {
        self.gate.add_permits(1 << 20);
    }

    pub fn questions(&self) -> Vec<Question> {
        self.state.lock().unwrap().questions.clone()
    }

    pub fn most_under_way(&self) -> usize {
        self.state.lock().unwrap().most_under_way
    }

    /// Waits until there were this many questions.
    pub async fn was_asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        let waiting = asked.wait_for(|asked| *asked >= times);
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("Grid is asked").unwrap();
    }

    /// Answers from what is so when the question arrives; then waits at the gate.
    async fn answer<T>(&self, question: Question, answer: impl FnOnce(&State) -> T) -> Result<T, SourceError> {
        let (panics, result) = {
            let mut state = self.state.lock().unwrap();
            state.questions.push(question.clone());
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            let failing_for = match &question {
                Question::Entity(entity) => state.failing_for.get(&entity.customer).cloned(),
                Question::List { .. } => {
                    let failing = state.failing_lists.as_ref().filter(|(fails, _)| fails(&question));
                    failing.map(|(_, error)| error.clone())
                }
            };
            let panics = state.panics > 0;
            state.panics = state.panics.saturating_sub(1);
            match state.failing.clone().or(failing_for) {
                Some(error) => (panics, Err(error)),
                None => (panics, Ok(answer(&state))),
            }
        };
        self.asked.send_modify(|asked| *asked += 1);
        let _under_way = UnderWay(self);
        assert!(!panics, "as the test has it");
        drop(self.gate.acquire().await.unwrap());
        result
    }
}

struct UnderWay<'a>(&'a Grid);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().under_way -= 1;
    }
}

#[async_trait]
impl CustomerSource for Grid {
    async fn customer(&self, id: &CustomerId) -> Result<CustomerAnswer, SourceError> {
        let question = Question::Entity(EntityKey::customer(id.clone()));
        self.answer(question, |state| state.customers.get(id).cloned()).await?.ok_or(SourceError::NotFound)
    }

    async fn verification(&self, id: &VerificationId) -> Result<VerificationAnswer, SourceError> {
        let of = self.state.lock().unwrap().verifications.get(id).map(|it| it.customer.clone());
        let question = Question::Entity(EntityKey::verification(of.unwrap_or_else(|| customer("?")), id.clone()));
        self.answer(question, |state| state.verifications.get(id).cloned()).await?.ok_or(SourceError::NotFound)
    }

    async fn customers(
        &self,
        updated_after: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<CustomersPage, SourceError> {
        let question = Question::List { updated_after, cursor: cursor.map(str::to_owned) };
        self.answer(question, |state| {
            let mut rows: Vec<_> = state
                .customers
                .values()
                .filter(|row| updated_after.is_none_or(|after| row.updated_at.is_some_and(|at| at > after)))
                .filter(|row| cursor.is_none_or(|cursor| row.id.as_str() > cursor))
                .take(self.page + 1)
                .cloned()
                .collect();
            let more = rows.len() > self.page;
            rows.truncate(self.page);
            let next_cursor = more.then(|| rows.last().unwrap().id.as_str().to_owned());
            match state.odd_lists {
                Some(OddList::Truncated) => CustomersPage { customers: rows, next_cursor: None, is_truncated: true },
                Some(OddList::Round) => {
                    CustomersPage { customers: rows, next_cursor: Some("0".to_owned()), is_truncated: false }
                }
                None => CustomersPage { customers: rows, next_cursor, is_truncated: false },
            }
        })
        .await
    }
}
