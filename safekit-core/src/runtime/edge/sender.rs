//! The way into the loop for other threads.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use mio::Waker;

use crate::node::Input;

/// The loop takes no input at the moment: too many wait, or it has ended. The input is lost; who sent it tells its own
/// caller to come again.
///
/// Example: [`EdgeSender`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is busy: too many inputs are waiting")]
pub struct Full;

/// Brings inputs of other threads into the loop.
///
/// ```
/// use std::sync::Arc;
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::saved::SavedModule;
/// use safekit_core::node::Input;
/// use safekit_core::runtime::{Edge, EdgeConfig, EdgeError, EdgeSender, Full, Keep};
///
/// # struct Nothing;
/// # impl Keep for Nothing {
/// #     fn save(&self, _module: &ModuleName, _saved: &SavedModule) -> std::io::Result<()> { Ok(()) }
/// # }
/// let mut config = EdgeConfig::new(Arc::new(Nothing));
/// config.inputs_max = 1;
/// let edge: Result<Edge, EdgeError> = Edge::new(config);
/// let mut edge = edge?;
///
/// // Another thread asks the loop to leave; a second input has no room until the loop has taken the first one.
/// let sender: EdgeSender = edge.sender();
/// let sent = std::thread::spawn(move || [sender.send(Input::Leave), sender.send(Input::Leave)]);
/// let sent = sent.join().map_err(|_| "the thread has panicked")?;
/// assert_eq!(sent, [Ok(()), Err(Full)]);
/// let mut inputs = Vec::new();
/// edge.wait(None, &mut inputs)?;
/// assert!(matches!(&inputs[..], [Input::Leave]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EdgeSender {
    pub(super) inputs: SyncSender<Input>,
    pub(super) waker: Arc<Waker>,
}

impl EdgeSender {
    /// Gives the loop an input and wakes it. Never waits.
    ///
    /// # Errors
    /// [`Full`] when the loop does not take it.
    pub fn send(&self, input: Input) -> Result<(), Full> {
        self.inputs.try_send(input).map_err(|_refused| Full)?;
        // A full eventfd is a loop that is woken already.
        drop(self.waker.wake());
        Ok(())
    }
}
