//! Rules by which an app gives levels to messages, since many clients set none.

use grandstand_protocol::Level;
use serde::Deserialize;

use crate::client_pattern::ClientPattern;

/// A rule of an app: all conditions that it names must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelRule {
    /// `_lctype` of a typed message.
    pub lctype: Option<i32>,
    pub sender: Option<ClientPattern>,
    pub via: Option<Via>,
    /// What the message gets.
    pub level: Level,
    /// Whether messages that carry a level get this one, too.
    pub overrides: bool,
}

/// The way a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// From a client's socket.
    Client,
    /// From the app's back end.
    Rest,
}

/// What rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    pub lctype: Option<i32>,
    pub sender: &'a str,
    pub via: Via,
    /// The level that the message carries.
    pub carried: Option<Level>,
}

/// What the first rule that applies says: the level, and the index of the rule. Rules that do not override are passed
/// over for a message that carries a level.
#[must_use]
pub fn ruled(rules: &[LevelRule], message: &Origin<'_>) -> Option<(Level, usize)> {
    let index = rules.iter().position(|rule| rule.applies(message))?;
    Some((rules[index].level, index))
}

impl LevelRule {
    fn applies(&self, message: &Origin<'_>) -> bool {
        (self.overrides || message.carried.is_none())
            && self.lctype.is_none_or(|lctype| message.lctype == Some(lctype))
            && self.sender.as_ref().is_none_or(|pattern| pattern.matches(message.sender))
            && self.via.is_none_or(|via| message.via == via)
    }
}
