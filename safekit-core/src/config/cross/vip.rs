//! What the parts of `<vip>` have to do with each other.

use std::collections::{BTreeMap, BTreeSet};

use super::super::check::Checked;
use super::super::diagnostic::{Code, Named, Place, Report, Said};
use super::super::model::Host;
use super::super::module::once;

/// Looks at `<vip>`; returns where the names of nodes stand.
pub(in super::super) fn check_vip(service: &Checked, report: &mut Report<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let Some(vip) = service.child("vip") else { return places };
    let Addresses { known, directed, complete } = addresses(vip, report);
    let mut groups = BTreeMap::new();
    for group in vip.children("loadbalancing_list").flat_map(|list| list.children("group")) {
        if let Some(name) = group.text("name") {
            once(&mut groups, "group", name, group.value_at("name"), report);
        }
        group.children("cluster").for_each(|cluster| check_hosts(cluster, &mut places, report));
        for rule in group.children("rule") {
            if let Some(addr) = rule.host("virtual_addr").filter(|_| complete) {
                check_scope(rule, addr, &known, report);
            }
            check_rule(rule, directed, report);
        }
    }
    places
}

/// The virtual addresses of a module.
struct Addresses {
    known: BTreeSet<String>,
    /// Whether one of them may be reached with `vmac_directed`.
    directed: bool,
    /// Whether all of them could be read.
    complete: bool,
}

fn addresses(vip: &Checked, report: &mut Report<'_>) -> Addresses {
    let mut found = Addresses { known: BTreeSet::new(), directed: false, complete: true };
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for interface in vip.children("interface_list").flat_map(|list| list.children("interface")) {
        let arp_at = interface.value_at("arpreroute");
        let announced = interface.word("arpreroute") == Some("on");
        for virtual_interface in interface.children("virtual_interface") {
            let invisible = virtual_interface.word("type") == Some("vmac_invisible");
            found.directed |= !invisible;
            if announced && invisible {
                report.error(arp_at, Code::Contradiction, || {
                    Said::new("arpreroute \"on\" does not go with vmac_invisible")
                        .hint("all nodes have one MAC address there: there is nothing to announce")
                });
            }
            for address in virtual_interface.children("virtual_addr") {
                let Some(addr) = address.host("addr") else {
                    found.complete = false;
                    continue;
                };
                check_netmask(address, addr, report);
                let at = address.value_at("addr");
                let addr = key(addr);
                if let Some(before) = first.insert(addr.clone(), at) {
                    let line = report.line(before);
                    report.error(at, Code::Duplicate, || {
                        Said::new(format!("<virtual_addr> '{addr}' is there twice"))
                            .hint(format!("first in line {line}"))
                    });
                }
                found.known.insert(addr);
            }
        }
    }
    found
}

/// Makes an address comparable: names are told apart by their letters only, whatever their case.
fn key(addr: &Host) -> String {
    addr.to_string().to_ascii_lowercase()
}

fn check_netmask(address: &Checked, addr: &Host, report: &mut Report<'_>) {
    let six = matches!(addr, Host::Ip(ip) if ip.is_ipv6());
    if six && address.text("netmask").is_some() {
        report.error(address.value_at("netmask"), Code::Contradiction, || {
            Said::new("a netmask belongs to an IPv4 address").hint("leave it out")
        });
    }
}

fn check_hosts(cluster: &Checked, places: &mut Vec<Place>, report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    let mut powers = 0;
    for host in cluster.children("host") {
        powers += host.number("power").unwrap_or(1);
        let Some(name) = host.node_name("name") else { continue };
        let at = host.value_at("name");
        once(&mut seen, "host", name.as_str(), at, report);
        places.push(report.place(at, Named::Node, name.as_str()));
    }
    if powers == 0 && cluster.child("host").is_some() {
        report.error(cluster.at, Code::Contradiction, || {
            Said::new("no node takes traffic of this group: each <host> has power 0")
        });
    }
}

fn check_scope(rule: &Checked, addr: &Host, known: &BTreeSet<String>, report: &mut Report<'_>) {
    let wanted = key(addr);
    if known.contains(&wanted) {
        return;
    }
    report.error(rule.value_at("virtual_addr"), Code::Contradiction, || {
        let known: Vec<&str> = known.iter().take(5).map(String::as_str).collect();
        Said::new(format!("no <virtual_addr> has the address '{wanted}'"))
            .hint(format!("there is {}; * stands for all", known.join(", ")))
    });
}

fn check_rule(rule: &Checked, directed: bool, report: &mut Report<'_>) {
    let filter_at = rule.value_at("filter");
    let (proto, filter) = (rule.word("proto"), rule.word("filter"));
    let six = matches!(rule.host("virtual_addr"), Some(Host::Ip(ip)) if ip.is_ipv6());
    match (proto, filter) {
        (Some("arp"), Some("on_port" | "on_ipid")) => {
            report.error(filter_at, Code::Contradiction, || {
                Said::new("a rule with proto=\"arp\" has filter=\"on_addr\": ARP knows no ports")
            });
        }
        (Some("tcp"), Some("on_ipid")) => report.error(filter_at, Code::Contradiction, || {
            Said::new(
                "filter 'on_ipid' tears TCP connections apart: each packet has another number",
            )
            .hint("write on_addr or on_port; on_ipid is for udp")
        }),
        (_, Some("on_ipid")) if six => report.error(filter_at, Code::Contradiction, || {
            Said::new("filter 'on_ipid' is for IPv4: packets of IPv6 have no number")
        }),
        _ => {}
    }
    if proto == Some("arp") && !directed {
        report.error(rule.value_at("proto"), Code::Contradiction, || {
            Said::new("a rule with proto=\"arp\" is for vmac_directed, and all addresses are vmac_invisible")
        });
    }
}
