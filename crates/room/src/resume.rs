//! Coming back: which remembered session gives its room to a login.

use grandstand_protocol::RoomId;

use crate::{
    clock::Millis,
    session::{Identity, Login, SessionId},
    switches::Rejoin,
};

/// A session that may give its room back: one that dropped, or one that the login replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Who it was.
    pub identity: Identity,
    /// Its room.
    pub room: Option<RoomId>,
    /// When it dropped; `None` = it ends now, replaced by the login.
    pub dropped_at: Option<Millis>,
    /// Whether another login was given its room since: then only the same login may still return to it.
    pub taken: bool,
}

/// Chooses the session whose room the login gets, or `None`: then it has to join anew.
///
/// The order is protocol.md 5.4's: the login's own token; else the same client id, tag and device; else any session of
/// the client id, while none is online (section 10, row 5). The one that dropped last wins.
///
/// `session` is what the login opens as. `remembered` must not hold sessions that are online and stay so, and
/// `others_online` says whether there are any. `keep` is in milliseconds.
#[must_use]
pub fn choose(
    login: &Login<'_>,
    session: SessionId,
    others_online: bool,
    remembered: &[Remembered],
    rejoin: Rejoin,
    keep: i64,
    now: Millis,
) -> Option<usize> {
    let claims = login.claims();
    // A fresh login is no proof that it is the same one when nothing marks the device: a third device would be given
    // the room of the second.
    let resumes = login.reopen || claims.is_some();
    let marked = login.effective_device().is_marked();
    let newest = |is_it: &dyn Fn(&Remembered) -> bool| {
        remembered
            .iter()
            .enumerate()
            .filter(|(_, record)| record.is_kept(keep, now) && record.identity.client == *login.client)
            .filter(|(_, record)| is_it(record))
            .max_by_key(|(_, record)| record.dropped_at.map_or(i64::MAX, |time| time.0))
            .map(|(index, _)| index)
    };
    let own = |record: &Remembered| {
        let known = record.identity.session;
        known == session || claims.is_some_and(|claims| claims.session == known)
    };
    // With a token, the device says nothing more: an earlier login of the same device is another one.
    let same = |record: &Remembered| claims.is_none() && login.is_same_login(&record.identity);

    match rejoin {
        Rejoin::ResumeOnly if !resumes => None,
        Rejoin::ResumeOnly => newest(&own).or_else(|| newest(&same)),
        Rejoin::Any => newest(&own)
            .or_else(|| if resumes || marked { newest(&same) } else { None })
            .or_else(|| if others_online { None } else { newest(&|record| !record.taken) }),
    }
}

impl Remembered {
    fn is_kept(&self, keep: i64, now: Millis) -> bool {
        self.room.is_some() && self.dropped_at.is_none_or(|dropped| now.since(dropped) <= keep)
    }
}
