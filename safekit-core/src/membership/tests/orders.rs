//! Two cluster.xml with the same key that count their nodes or lans otherwise.

use std::net::SocketAddr;

use super::world::ms;
use crate::config::cluster;
use crate::ids::NodeId;
use crate::machine::Machine;
use crate::membership::{Fault, Input, Membership, MembershipConfig, Output, Start};
use crate::sim_clock_base;
use crate::wire::KeyRing;

const A: &str =
    r#"<lan name="a"><node name="n1" addr="10.0.0.1"/><node name="n2" addr="10.0.0.2"/></lan>"#;
const B: &str =
    r#"<lan name="b"><node name="n1" addr="10.0.1.1"/><node name="n2" addr="10.0.1.2"/></lan>"#;
const SWAPPED: &str =
    r#"<lan name="a"><node name="n2" addr="10.0.0.2"/><node name="n1" addr="10.0.0.1"/></lan>"#;

struct Agent {
    config: MembershipConfig,
    machine: Membership,
    faults: Vec<Fault>,
}

fn agent(name: &str, lans: &str) -> Agent {
    let text = format!("<cluster><lans>{lans}</lans></cluster>");
    let cluster = cluster::parse("cluster.xml", text.as_bytes()).model.unwrap();
    let (me, _) = cluster.nodes.iter().find(|(_, other)| other.as_str() == name).unwrap();
    let config = MembershipConfig::from_cluster(&cluster, *me, KeyRing::default());
    let machine =
        Membership::new(sim_clock_base(), config.clone(), Start { counter: 1, random: 7 });
    Agent { config, machine, faults: Vec::new() }
}

/// Lets two agents talk for some seconds: what arrives on which lan is decided by the address that it was sent to.
fn talk(agents: &mut [Agent; 2]) {
    let mut now = sim_clock_base();
    let end = now + ms(5_000);
    while now < end {
        let mut air: Vec<(usize, SocketAddr, SocketAddr, Vec<u8>)> = Vec::new();
        for (place, agent) in agents.iter_mut().enumerate() {
            agent.machine.handle_timeout(now);
            let mine = &agent.config.nodes[&agent.config.me].addresses;
            while let Some(output) = agent.machine.poll_output() {
                if let Output::Transmit(it) = output {
                    air.push((place, mine[&it.lan], it.to, it.bytes));
                } else if let Output::Fault(fault) = output {
                    agent.faults.push(fault);
                }
            }
        }
        for (place, from, to, bytes) in air {
            let agent = &mut agents[1 - place];
            let mine = &agent.config.nodes[&agent.config.me].addresses;
            let Some((lan, _)) = mine.iter().find(|(_, address)| **address == to) else { continue };
            agent.machine.handle_input(now, Input::DatagramReceived { lan: *lan, from, bytes });
        }
        now += ms(10);
    }
}

fn id(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

#[test]
fn nodes_in_another_order_are_named_on_both_sides() {
    let mut agents = [agent("n1", A), agent("n2", SWAPPED)];
    talk(&mut agents);
    for (agent, member, from) in [(&agents[0], id(1), "10.0.0.2"), (&agents[1], id(1), "10.0.0.1")]
    {
        let fault = [Fault::OtherName { member, from: format!("{from}:4800").parse().unwrap() }];
        assert_eq!(agent.faults, fault, "once a minute");
        assert_eq!(agent.machine.faults(), fault.into(), "it stands");
    }
}

#[test]
fn lans_in_another_order_are_named_on_both_sides() {
    let mut agents = [agent("n1", &[A, B].concat()), agent("n2", &[B, A].concat())];
    talk(&mut agents);
    for (agent, member) in [(&agents[0], id(2)), (&agents[1], id(1))] {
        assert_eq!(agent.faults, [Fault::OtherLan { member }], "once a minute");
        assert_eq!(agent.machine.faults(), [Fault::OtherLan { member }].into(), "it stands");
    }
}

#[test]
fn the_same_order_has_no_fault() {
    let both = [A, B].concat();
    let mut agents = [agent("n1", &both), agent("n2", &both)];
    talk(&mut agents);
    assert!(agents.iter().all(|agent| agent.faults.is_empty() && agent.machine.joined()));
}
