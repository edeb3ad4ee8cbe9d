//! Questions to the function, with the real clients against the simulated EC2 and CloudFormation, on a paused clock.

mod documents;
mod plans;
mod questions;
mod read_only;
mod releases;
mod schema;
mod statuses;
mod watch;

use crate::cloud::{Cloud, Stack};
use ec2_sim::CloudFormation as Sim;
use jiff::SignedDuration;
use serde_json::Value;
use tidb_private_endpoint::inquire::Inquirer;
use tidb_private_endpoint::runtime::clock::Clock;

/// A cloud whose function can be asked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) cloud: Cloud,
    pub(crate) stacks: Sim,
}

impl Asked {
    pub(crate) fn new(cloud: &Cloud) -> Self {
        Self { cloud: cloud.clone(), stacks: cloud.stacks.clone() }
    }

    /// A stack that exists in CloudFormation.
    pub(crate) fn stack(&self, name: &str) -> Stack {
        let stack = self.cloud.stack(name);
        self.stacks.set_stack(&stack.arn, "CREATE_COMPLETE");
        stack
    }

    /// A stack is deleted, and the function is not called: `DeletionPolicy: Retain`.
    pub(crate) fn forget(&self, stack: &Stack) {
        self.stacks.set_stack(&stack.arn, "DELETE_COMPLETE");
    }

    fn inquirer(&self) -> Inquirer {
        Inquirer {
            clients: self.cloud.handler.clients.clone(),
            home: self.cloud.handler.home.clone(),
            function: "tidb-private-endpoint".to_owned(),
            log_level: "WARN".to_owned(),
        }
    }

    /// Asks the function as Lambda does, with 15 minutes left.
    pub(crate) async fn ask(&self, question: &Value) -> Result<Value, String> {
        let clock = Clock::starting_at(self.cloud.sim.now());
        let deadline = clock.now() + SignedDuration::from_secs(900);
        let answer = self.inquirer().answer(question, clock, deadline).await.map_err(|error| error.to_string());
        assert_eq!(self.stacks.complaints(), [""; 0], "CloudFormation understands every request");
        if let Ok(answer) = &answer {
            check_text(answer["Text"].as_str().unwrap());
            schema::check_answer(question, answer);
        }
        answer
    }

    pub(crate) async fn answer(&self, question: &Value) -> Value {
        self.ask(question).await.unwrap_or_else(|error| panic!("{question}: {error}"))
    }
}

/// The text fits a terminal of 100 columns, unless a single word does not.
fn check_text(text: &str) {
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text}");
    for line in text.lines() {
        let is_one_word = line.split_whitespace().filter(|word| *word != "-").count() == 1;
        assert!(line.chars().count() <= 100 || is_one_word, "{} columns: {line}", line.chars().count());
        assert!(!line.ends_with(' '), "'{line}'");
    }
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}
