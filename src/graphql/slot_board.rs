//! The live board.

use super::{
    context::Reach,
    failure::Failure,
    live::{self, Happening, News, Source},
    page,
    scalars::{Cursor, DateTime},
    slot::{self, Slot},
    slot_event::{count, selection},
};
use crate::{
    board::{self, Board, BoardMessage, BoardQuery, Turn},
    calendar,
    kernel::{interval::Interval, rejection::Rejection},
};
use async_graphql::{Context, Description, Enum, ID, Object, Subscription};
use chrono::TimeDelta;
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use std::sync::Arc;

/// What a message of a board is.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "board::BoardKind")]
pub enum SlotBoardKind {
    /// All slots of a doctor: throw away what you have of them.
    Snapshot,
    /// What is different: take it over into what you have.
    Change,
}

/// A message of a board, about one doctor.
#[derive(Description)]
pub struct SlotBoardMessage(Arc<BoardMessage>);

#[Object(use_type_description)]
impl SlotBoardMessage {
    /// Give it back as `after` to go on behind this message.
    async fn cursor(&self) -> Cursor {
        Cursor((*self.0.cursor).clone())
    }

    /// What the message is.
    async fn kind(&self) -> SlotBoardKind {
        self.0.kind.into()
    }

    /// Whose slots.
    async fn doctor_id(&self) -> ID {
        self.0.doctor_id.into()
    }

    /// The version of the doctor's calendar that this message brings the board to.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// `SNAPSHOT`: the whole board of the doctor, in order. `CHANGE`: the slots that are new or whose status is different now, also those that overlap the one
    /// booked.
    async fn slots(&self) -> Vec<Slot> {
        self.0.slots.iter().copied().map(Slot).collect()
    }

    /// `CHANGE`: those that are not offered any more at all; also because their time has passed.
    async fn removed_slot_ids(&self) -> Vec<ID> {
        self.0.removed.iter().copied().map(ID::from).collect()
    }
}

/// What can be watched of boards.
#[derive(Default)]
pub struct SlotBoardSubscription;

#[Subscription]
impl SlotBoardSubscription {
    /// First a `SNAPSHOT` for each doctor, then a `CHANGE` whenever that doctor's board changes; exactly one of the three, at most 100 doctors and 31 days, and not
    /// more than a request may cost; that counts the slots of all its doctors, and a clinic or a specialty as 100. One
    /// `CHANGE` may fold several versions; what changes nothing on this board sends nothing. With `after`: a `SNAPSHOT` for each doctor whose calendar changed since,
    /// a `CHANGE` without the slots whose time has passed for the others; then as above. For visitors too.
    #[graphql(
        complexity = "page::times(count(doctor_ids.as_deref()) * slot::count(&from, &to, None), child_complexity)"
    )]
    #[expect(clippy::too_many_arguments, reason = "what a board is made of")]
    async fn slot_board(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Those of these doctors, 1 to 100.")] doctor_ids: Option<Vec<ID>>,
        #[graphql(desc = "Those of the doctors who work here, now or later.")] clinic_id: Option<ID>,
        #[graphql(desc = "Those of the doctors who practise this, now or later.")] specialty_id: Option<ID>,
        #[graphql(desc = "The first start.")] from: DateTime,
        #[graphql(desc = "Behind the last start; at most 31 days after `from`.")] to: DateTime,
        #[graphql(desc = "What for; as long as the doctor's hours say where nothing is said.")] visit_type_id: Option<
            ID,
        >,
        #[graphql(desc = "Go on behind this message. CURSOR_EXPIRED where that is longer ago than the log goes back.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = SlotBoardMessage> + use<>, Failure> {
        // The edge looks at it, for each subscriber.
        let _ = after;
        let open = async {
            let selection = selection(doctor_ids, clinic_id, specialty_id)?;
            let range = Interval::try_new(from.into(), to.into());
            let range = range.filter(|range| range.end - range.start <= TimeDelta::days(31));
            let range = range.ok_or(Rejection::BadInput("`from` is before `to`, and at most 31 days.".into()))?;
            let visit_type_id = visit_type_id.map(|id| id.parse()).transpose().map_err(|_| Rejection::NotFound)?;
            let board = context.services().boards.open(selection, BoardQuery { range, visit_type_id }).await?;
            Ok(Box::new(Drawn(board)) as Box<dyn Source>)
        };
        let message = live::run(context, open, async |happening| match happening {
            Happening::Board(message) => Ok(Some(SlotBoardMessage(message))),
            _ => Ok(None),
        });
        Ok(stream::iter(message.await?))
    }
}

/// The source of `slotBoard`.
struct Drawn(Board);

fn happening(message: BoardMessage) -> Happening {
    Happening::Board(Arc::new(message))
}

#[async_trait::async_trait]
impl Source for Drawn {
    async fn next(&mut self) -> Result<News, Rejection> {
        Ok(match self.0.next().await? {
            Turn::Changed(messages) => News::Happened(messages.into_iter().map(happening).collect()),
            Turn::Mark(mark) => News::Mark(mark),
        })
    }

    fn mark(&self) -> u64 {
        self.0.mark()
    }

    fn join(&self, after: Option<calendar::Cursor>) -> BoxStream<'static, Result<Happening, Rejection>> {
        self.0.join(after).map_ok(happening).boxed()
    }
}
