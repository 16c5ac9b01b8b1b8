use super::*;
use crate::api::tests::fake_state;

#[test]
fn every_text_is_escaped() {
    let mut state = fake_state();
    let evil = "</td><script>alert('\"1&2\"')</script>\u{7}";
    for text in [&mut state.node, &mut state.time] {
        evil.clone_into(text);
    }
    for member in &mut state.nodes {
        evil.clone_into(&mut member.name);
        for peer in &mut member.modules {
            evil.clone_into(&mut peer.name);
        }
    }
    evil.clone_into(&mut state.nodes[1].state);
    evil.clone_into(&mut state.modules[0].name);
    let text = text(&status(&state));
    let safe = "&lt;/td&gt;&lt;script&gt;alert(&#39;&quot;1&amp;2&quot;&#39;)&lt;/script&gt; ";
    assert_eq!(text.matches(safe).count(), 10, "{text}");
    assert!(!text.contains("<script"), "{text}");
    assert!(!text.contains('\u{7}'));
}

#[test]
fn page_takes_nothing_from_elsewhere() {
    let answer = html(&fake_state());
    let text = String::from_utf8(answer.body.clone()).unwrap();
    for word in ["http://", "https://", "src=", "href=", "url(", "@import", "<script", "<form"] {
        assert!(!text.contains(word), "{word}");
    }
    let policy = answer.headers.iter().find(|(name, _)| name == "Content-Security-Policy");
    assert!(policy.unwrap().1.starts_with("default-src 'none'"));
    assert!(text.contains("name=\"viewport\""));
    assert!(text.contains("prefers-color-scheme:dark"));
}

#[test]
fn fresh_node_says_that_nothing_is_configured() {
    let mut state = fake_state();
    state.node.clear();
    state.nodes.clear();
    state.modules.clear();
    state.faults.clear();
    let text = text(&status(&state));
    assert!(text.contains("The cluster is not configured on this node."));
    assert!(text.contains("No module is configured on this node."));
    assert!(!text.contains("To be mended"));
}

#[test]
fn colours_follow_the_words() {
    for (state, look) in [
        ("self", Look::Good),
        ("alive", Look::Good),
        ("joining", Look::Moving),
        ("lost", Look::Bad),
        ("left", Look::Bad),
    ] {
        assert_eq!(Look::of_node(state), look, "{state}");
    }
    assert_eq!(Look::of_module(Readiness::Ready), Look::Good);
    assert_eq!(Look::of_module(Readiness::Transient), Look::Moving);
    assert_eq!(Look::of_module(Readiness::NotReady), Look::Bad);
}
