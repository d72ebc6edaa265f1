//! A LeanCloud app's console settings, asked one after the other, and the configuration that says the same.
//!
//! Asking is apart from writing: [`Answers`] come from people ([`ask`]) or from a file ([`Answers::from_named`]), and
//! [`Answers::to_toml`] writes them. Keys are never asked for, only where they are kept.

mod answers;
mod file;
mod forms;
mod interview;
mod notes;
mod questions;

pub use answers::{Answers, ConversationClass, KeyPlace, WordList, WrongAnswer};
pub use interview::{Unanswered, ask};
pub use notes::Note;
pub use questions::{QUESTIONS, Question, Words};
