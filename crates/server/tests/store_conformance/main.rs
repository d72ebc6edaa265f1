//! What every store has to do. An implementation adds a [`Place`] and one line of [`conformance!`].
#![expect(clippy::unwrap_used, reason = "tests")]

mod append;
mod audit;
mod evidence;
mod fixture;
mod gap;
mod history;
mod history_of_app;
mod moderation;
mod modify;
mod positions;
mod query;
mod retention;
mod rooms;
mod sessions;
mod tokens;
mod visitors;
mod wills;
mod words;
mod writings;

use std::sync::Arc;

use async_trait::async_trait;
use grandstand::store::{SqliteStore, Store};

/// Where a store keeps its data: what one store wrote and closed, the next finds.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens a store on the data. The former one is closed.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of each function named, for one kind of place.
macro_rules! conformance {
    ($place:expr => $($module:ident: $($test:ident)*;)*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::$module::$test(&$place).await;
            })*
        })*
    };
}

/// Every test of the suite, for one kind of place.
macro_rules! whole_suite {
    ($place:expr) => {
        conformance! { $place =>
            append: numbers_have_no_gaps_under_concurrency timestamps_never_decrease needs_a_room
                a_retry_gets_the_first_outcome a_mark_is_free_after_thirty_minutes racing_retries_store_once
                content_comes_back apps_are_apart numbers_go_on_after_a_restart a_failed_append_harms_no_other;
            history: pages_equal_the_model import_keeps_order_ids_and_places known_ids_are_left_alone
                an_unknown_room_is_empty;
            history_of_app: pages_equal_the_model holds_what_is_of_the_app_and_the_sender;
            visitors: are_counted_once_a_day;
            words: are_kept_as_a_whole;
            evidence: is_kept_with_the_change is_not_kept_when_nobody_wants_it goes_when_it_is_old addresses_go_when_they_are_old a_client_is_erased_in_slices
                what_a_client_sends_later_stays a_will_keeps_what_it_was;
            audit: what_was_done_comes_back conditions_are_all_kept old_and_too_many_go;
            gap: ranges_are_live_messages_by_number gaps_hold_high_messages gaps_leave_out_the_recalled;
            modify: an_edit_shows_everywhere a_change_is_for_whom_the_message_was a_recall_leaves_the_stub only_the_author_may
                who_may_do_all_names_no_author a_deleted_message_is_gone                 patches_come_in_order patch_times_never_decrease a_recalled_message_stays_recalled;
            writings: are_found_newest_first are_found_in_steps;
            rooms: made_once_and_found changed_by_one_at_a_time changed_never_backwards a_refused_change_changes_nothing
                removed_with_everything imported_as_they_were last_message_follows;
            query: equals_the_model looks_up_by_index counts pages_through is_walked_in_steps;
            sessions: a_claim_moves_the_whole_client a_claim_can_move_one_session epochs_rise
                racing_claims_end_in_one_room leaving_forgets dropped_ones_are_remembered resume_returns_the_gap
                resume_needs_the_same_room resume_can_change_the_session resume_can_leave_a_record
                a_late_drop_changes_nothing reattached_ones_have_no_room live_ones_are_listed ended_ones_are_forgotten
                looked_up_together all_of_a_client_are_ended recover_drops_what_a_crash_left a_removed_room_holds_nobody;
            positions: gaps_begin_behind_them_after_a_crash never_go_back are_of_a_stay
                a_second_join_keeps_the_gap;
            wills: wait_for_the_drop wait_for_their_own_drop a_retry_is_held_once are_bounded follow_a_resume go_with_the_session survive_a_restart
                skip_a_removed_room of_those_who_may_not_speak_are_not_sent of_the_banned_are_not_sent respect_the_switches;
            tokens: keys_are_made_once revoked_logins_are_found_with_what_is_remembered
                revoked_logins_go_when_no_token_of_theirs_lives clients_stay_revoked_as_long_as_tokens_live;
            moderation: lists_last_and_end lists_are_bounded a_block_takes_out_of_the_room who_is_expelled_may_return roles_are_rows roles_are_bounded
                switches_of_a_room_go_with_it refused_rooms_are_a_clients_own bans_last_and_end
                what_has_ended_is_swept;
            retention: expired_messages_go imported_messages_count_from_import idle_rooms_go
                active_rooms_stay dropped_sessions_go sessions_without_a_room_of_their_own_leave_none a_clock_that_jumps_back_expires_nothing
                slices_are_small an_emptied_room_counts_on;
        }
    };
}

mod sqlite {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
    }

    #[async_trait]
    impl Place for Folder {
        async fn open(&self) -> Arc<dyn Store> {
            Arc::new(SqliteStore::open(self.0.path()).unwrap())
        }
    }

    whole_suite!(super::Folder::new());
}
