//! Who may do what: one table.
//!
//! | who asks | status page | control API |
//! |---|---|---|
//! | somebody on the network | yes | no |
//! | a user of this host | yes | no |
//! | root, the agent's own user, members of the group `safekit` | yes | everything |
//!
//! Always: a user is who the operating system says; a user without a name is told by number.

use std::sync::Arc;

use safekit_core::runtime::front::Peer;

use super::operations::By;
use super::routes::Area;
use super::users::Users;

/// The group whose members may do everything.
pub(crate) const GROUP: &str = "safekit";
/// The administrator of the host.
const ROOT: u32 = 0;

/// Tells who asks.
#[derive(Clone, Debug)]
pub(crate) struct Permissions {
    agent_uid: u32,
    users: Arc<dyn Users>,
}

/// Who asks, as far as permissions go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Somebody on the network.
    Network,
    /// A user of this host who may not control the agent.
    Stranger(By),
    /// Somebody who may do everything.
    Operator(By),
}

impl Permissions {
    /// Makes the permissions of an agent that runs as a user.
    pub(crate) fn new(agent_uid: u32, users: Arc<dyn Users>) -> Self {
        Self { agent_uid, users }
    }

    /// Tells who a peer is. Memberships are looked up at each request: a change counts at once.
    pub(super) fn caller(&self, peer: &Peer) -> Caller {
        let Peer::Local { uid, gid, pid } = *peer else { return Caller::Network };
        let by = By(self.users.name(uid).unwrap_or_else(|| format!("uid {uid}")));
        if uid == ROOT || uid == self.agent_uid || self.is_member(uid, gid, pid) {
            Caller::Operator(by)
        } else {
            Caller::Stranger(by)
        }
    }

    fn is_member(&self, uid: u32, gid: u32, pid: u32) -> bool {
        let Some(group) = self.users.group(GROUP) else { return false };
        gid == group
            || self.users.group_has(group, uid)
            || self.users.groups_of_process(pid, uid).contains(&group)
    }
}

impl Caller {
    /// Tells whether this caller may use an area: the table above.
    ///
    /// # Errors
    /// The sentence that says who may, and what to do.
    pub(super) fn may(&self, area: Area) -> Result<(), String> {
        match (self, area) {
            (_, Area::Public) | (Self::Operator(_), Area::Control) => Ok(()),
            (Self::Network, Area::Control) => Err(
                "the agent is controlled on its own host only: log in there and use the command safekit"
                    .to_owned(),
            ),
            (Self::Stranger(by), Area::Control) => Err(format!(
                "{by} may not control the agent: only root and the members of group {GROUP} may; run the command with sudo, or let root add you with 'usermod -aG {GROUP} <user>'"
            )),
        }
    }

    /// Returns who is named in the log.
    pub(super) fn by(&self) -> By {
        match self {
            Self::Network => By("the network".to_owned()),
            Self::Stranger(by) | Self::Operator(by) => by.clone(),
        }
    }
}
