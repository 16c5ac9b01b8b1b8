//! A whole node of a farm: core's node, and the share of each of its modules.
//!
//! In: what a node takes. Out: what the node gives, and `SharesChanged` of its modules: what a proposed view takes is
//! let go before the node tells anybody that it wants that view. This very type runs in the agent and in the simulator.
//!
//! Always: a module has a farm while it is configured and the cluster is; without a view it owns nothing.
//! Not here: life of modules and membership (core), packets (the virtual IP).
//!
//! Example: [`FarmNode`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use safekit_core::Machine;
use safekit_core::config::model::ModuleMode;
use safekit_core::ids::{Epoch, ModuleName, NodeId};
use safekit_core::membership::{MembershipConfig, View};
use safekit_core::node::{self, Node};

use crate::buckets::BucketSet;
use crate::farm::{self, Farm};
use crate::share::Weight;

/// What a farm's node gives.
///
/// Example: [`FarmNode`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// An output of the node within.
    Node(node::Output),
    /// Which buckets of a module this node may take, or with whom it shares them, is another one.
    SharesChanged {
        /// The module.
        module: ModuleName,
        /// The buckets.
        owned: BucketSet,
        /// The participants of the view in force, this node included; empty where this node takes no load.
        participants: BTreeSet<NodeId>,
    },
}

/// A node with the shares of its modules. It is driven as any [`Machine`]; `docs/embedding.md` has the loop.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
/// use safekit_core::Machine;
/// use safekit_core::config::{cluster, module};
/// use safekit_core::ids::{LanSet, ModuleName, NodeId};
/// use safekit_core::membership::MembershipConfig;
/// use safekit_core::node::{self, AgentStart, Input, ModuleSetup, Node, Outcome, Start};
/// use safekit_core::wire::KeyRing;
/// use safekit_farm::{FarmNode, node::Output};
///
/// // A cluster of one node, and a module without scripts that starts with the node.
/// let text = br#"<cluster><lans><lan name="default"><node name="node1" addr="10.0.0.1"/></lan></lans></cluster>"#;
/// let cluster = cluster::parse("cluster.xml", text).model.ok_or("a fault in cluster.xml")?;
/// let me = NodeId::new(1).ok_or("the first node")?;
/// let membership = MembershipConfig::from_cluster(&cluster, me, KeyRing::default());
/// let web = ModuleName::new("web")?;
/// let text = br#"<safe><service mode="farm" boot="on"><farm><lan name="default"/></farm></service></safe>"#;
/// let config = module::parse(&web, "userconfig.xml", text, &|_| None).model.ok_or("a fault")?;
/// let setup = ModuleSetup {
///     config: Arc::new(config),
///     scripts: [].into(),
///     lans: LanSet::ALL,
///     sharing: 0,
///     saved: None,
///     start: AgentStart::HostBooted,
/// };
///
/// let mut now = Instant::now();
/// let mut node = FarmNode::new(Node::new(now, Start { counter: 1, random: 7 }));
/// node.handle_input(now, Input::ClusterConfigured(Box::new(membership)));
/// node.handle_input(now, Input::ModuleConfigured(Box::new(setup)));
/// let mut taken = 0;
/// for _turn in 0..50 {
///     node.handle_timeout(now);
///     while let Some(output) = node.poll_output() {
///         match output {
///             Output::SharesChanged { owned, .. } => taken = owned.count(),
///             // Each order is answered, when it is done: here saving, which a product does before it says so.
///             Output::Node(node::Output::Action { id, .. }) => {
///                 node.handle_input(now, Input::ActionFinished { id, outcome: Outcome::Done });
///             }
///             _ => {} // datagrams, events: see `safekit_core::node::Output`
///         }
///     }
///     now = node.poll_timeout().unwrap_or(now).max(now);
/// }
/// assert_eq!(taken, 256);
/// assert_eq!(node.farm(&web).map(|farm| farm.owned().count()), Some(256));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FarmNode {
    node: Node,
    me: Option<NodeId>,
    nodes: BTreeSet<NodeId>,
    weights: BTreeMap<ModuleName, BTreeMap<NodeId, Weight>>,
    farms: BTreeMap<ModuleName, Farm>,
    wanted: Option<(Epoch, Arc<View>)>,
    installed: Option<(Epoch, Arc<View>)>,
    outputs: VecDeque<Output>,
}

impl FarmNode {
    /// Puts the shares beside a node that has not been used yet.
    #[must_use]
    pub fn new(node: Node) -> Self {
        Self {
            node,
            me: None,
            nodes: BTreeSet::new(),
            weights: BTreeMap::new(),
            farms: BTreeMap::new(),
            wanted: None,
            installed: None,
            outputs: VecDeque::new(),
        }
    }

    /// Returns the node within.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Returns the share of a configured module, once the cluster is configured.
    #[must_use]
    pub fn farm(&self, module: &ModuleName) -> Option<&Farm> {
        self.farms.get(module)
    }

    /// Returns the view that this node wants, with its number.
    #[must_use]
    pub fn wanted(&self) -> Option<(Epoch, &Arc<View>)> {
        self.wanted.as_ref().map(|(epoch, view)| (*epoch, view))
    }

    /// Returns the view in force, with its number.
    #[must_use]
    pub fn installed(&self) -> Option<(Epoch, &Arc<View>)> {
        self.installed.as_ref().map(|(epoch, view)| (*epoch, view))
    }

    /// Sets the weights of a module's nodes; a node without one has 1. What this node has to give is let go at once,
    /// what it gets is claimed with the next view.
    pub fn set_weights(
        &mut self,
        now: Instant,
        module: &ModuleName,
        weights: BTreeMap<NodeId, Weight>,
    ) {
        self.weights.insert(module.clone(), weights);
        let weights = self.weights_of(module);
        if let Some(farm) = self.farms.get_mut(module) {
            farm.handle_input(now, farm::Input::WeightsChanged(weights));
        }
        self.drain_farms();
    }

    fn weights_of(&self, module: &ModuleName) -> BTreeMap<NodeId, Weight> {
        let configured = self.weights.get(module);
        let weight = |node| configured.and_then(|it| it.get(&node)).copied().unwrap_or_default();
        self.nodes.iter().map(|node| (*node, weight(*node))).collect()
    }

    /// Takes over who I am and who there is. Membership begins a new life: nothing of the old view counts.
    fn note_cluster(&mut self, now: Instant, config: &MembershipConfig) {
        self.me = Some(config.me);
        self.nodes = config.nodes.keys().copied().collect();
        self.propose(now, Epoch::default(), None);
        self.farms.clear();
    }

    /// There is no cluster: nobody has a share.
    fn forget_cluster(&mut self, now: Instant) {
        self.propose(now, Epoch::default(), None);
        (self.me, self.nodes) = Default::default();
        self.farms.clear();
    }

    /// Gives each farm module that the node has a farm, and none to others.
    fn match_farms(&mut self, now: Instant) {
        let Some(me) = self.me else { return };
        let farms =
            self.node.modules().filter(|(_, module)| module.config().mode == ModuleMode::Farm);
        let modules: BTreeSet<ModuleName> = farms.map(|(name, _)| name.clone()).collect();
        for (_, farm) in self.farms.iter_mut().filter(|(module, _)| !modules.contains(module)) {
            farm.handle_input(
                now,
                farm::Input::ViewProposed { epoch: Epoch::default(), view: None },
            );
        }
        self.drain_farms();
        self.farms.retain(|module, _| modules.contains(module));
        for module in modules {
            if !self.farms.contains_key(&module) {
                let farm = Farm::new(me, module.key(), self.weights_of(&module));
                self.farms.insert(module, farm);
            }
        }
    }

    fn propose(&mut self, now: Instant, epoch: Epoch, view: Option<&Arc<View>>) {
        self.wanted = view.map(|view| (epoch, Arc::clone(view)));
        if view.is_none() {
            self.installed = None;
        }
        for farm in self.farms.values_mut() {
            farm.handle_input(now, farm::Input::ViewProposed { epoch, view: view.cloned() });
        }
        self.drain_farms();
    }

    fn install(&mut self, now: Instant, epoch: Epoch, view: &Arc<View>) {
        self.installed = Some((epoch, Arc::clone(view)));
        for farm in self.farms.values_mut() {
            farm.handle_input(now, farm::Input::ViewInstalled { epoch, view: Arc::clone(view) });
        }
        self.drain_farms();
    }

    fn drain_farms(&mut self) {
        for (module, farm) in &mut self.farms {
            while let Some(farm::Output::SharesChanged { owned, participants }) = farm.poll_output()
            {
                let module = module.clone();
                self.outputs.push_back(Output::SharesChanged { module, owned, participants });
            }
        }
    }

    fn drain_node(&mut self, now: Instant) {
        while let Some(output) = self.node.poll_output() {
            if let node::Output::ViewProposed { epoch, view } = &output {
                self.propose(now, *epoch, view.as_ref());
            }
            if let node::Output::ViewInstalled { epoch, view } = &output {
                self.install(now, *epoch, view);
            }
            self.outputs.push_back(Output::Node(output));
        }
    }
}

impl Machine for FarmNode {
    type Input = node::Input;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: node::Input) {
        if let node::Input::ClusterConfigured(config) = &input {
            self.note_cluster(now, config);
        }
        if matches!(input, node::Input::ClusterRemoved) {
            self.forget_cluster(now);
        }
        let configures = matches!(
            input,
            node::Input::ClusterConfigured(_)
                | node::Input::ModuleConfigured(_)
                | node::Input::ModuleRemoved(_)
        );
        self.node.handle_input(now, input);
        if configures {
            self.match_farms(now);
        }
        self.drain_node(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.node.handle_timeout(now);
        self.drain_node(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout()
    }
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use safekit_core::Machine;
    use safekit_core::config::model::{ModuleConfig, ModuleMode};
    use safekit_core::ids::{LanSet, NodeId, NodeName};
    use safekit_core::membership::{MembershipConfig, NodeConfig};
    use safekit_core::node::{self, AgentStart, Input, ModuleSetup, Node, Outcome, Start};
    use safekit_core::sim::SimModule;

    use super::{FarmNode, Output};
    use crate::share::Weight;

    #[expect(clippy::disallowed_methods, reason = "tests need one instant to count from")]
    fn base() -> Instant {
        Instant::now()
    }

    fn cluster(nodes: usize) -> Input {
        let node = |number| {
            let name = NodeName::new(&format!("node{number}")).unwrap();
            let config = NodeConfig { name, addresses: [].into() };
            (NodeId::new(number).unwrap(), config)
        };
        let me = NodeId::new(1).unwrap();
        Input::ClusterConfigured(Box::new(MembershipConfig::new(
            me,
            (1..=nodes).map(node).collect(),
        )))
    }

    fn setup(config: ModuleConfig, start: AgentStart) -> Input {
        Input::ModuleConfigured(Box::new(ModuleSetup {
            config: Arc::new(config),
            scripts: [].into(),
            lans: LanSet::ALL,
            sharing: 0,
            saved: None,
            start,
        }))
    }

    /// What was said last of how many buckets the node takes, after so many turns.
    fn taken(node: &mut FarmNode, now: &mut Instant, turns: usize) -> Option<u16> {
        let mut taken = None;
        for _turn in 0..turns {
            node.handle_timeout(*now);
            while let Some(output) = node.poll_output() {
                match output {
                    Output::SharesChanged { owned, .. } => taken = Some(owned.count()),
                    Output::Node(node::Output::Action { id, .. }) => {
                        let outcome = Outcome::Done;
                        node.handle_input(*now, Input::ActionFinished { id, outcome });
                    }
                    Output::Node(_) => {}
                }
            }
            *now = node.poll_timeout().unwrap_or(*now).max(*now);
        }
        taken
    }

    /// Whoever serves an address by what was said last must hear that a module has no share any more.
    #[test]
    fn a_module_that_is_no_farm_any_more_lets_go_of_its_share() {
        let config = SimModule::bare("web").unwrap().config;
        let mut other = config.clone();
        other.mode = ModuleMode::Light;
        let other = setup(other, AgentStart::Reconfigured);
        for end in [other, Input::ClusterRemoved] {
            let mut now = base();
            let mut node = FarmNode::new(Node::new(now, Start { counter: 1, random: 1 }));
            node.handle_input(now, cluster(1));
            node.handle_input(now, setup(config.clone(), AgentStart::HostBooted));
            assert_eq!(taken(&mut node, &mut now, 50), Some(256));
            let shown = format!("{end:?}");
            node.handle_input(now, end);
            assert_eq!(taken(&mut node, &mut now, 1), Some(0), "{shown}");
        }
    }

    #[test]
    fn a_module_has_a_farm_while_it_and_the_cluster_are_configured() {
        let now = base();
        let module = SimModule::bare("web").unwrap();
        let name = module.config.name.clone();
        let mut node = FarmNode::new(Node::new(now, Start { counter: 1, random: 1 }));
        let mut config = module.config;
        config.boot = safekit_core::config::model::BootPolicy::Off;
        node.handle_input(now, setup(config, AgentStart::HostBooted));
        assert!(node.farm(&name).is_none());
        node.handle_input(now, cluster(3));
        assert!(node.farm(&name).is_some());
        node.set_weights(now, &name, [(NodeId::new(2).unwrap(), Weight(0))].into());
        let weights = node.farm(&name).unwrap().table().weights();
        assert_eq!(weights.values().map(|it| it.0).collect::<Vec<_>>(), [1, 0, 1]);
        node.handle_input(now, Input::ModuleRemoved(name.clone()));
        assert!(node.farm(&name).is_none());
    }
}
