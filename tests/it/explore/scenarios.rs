//! What is explored.

use super::cloudformation::{Act, Planned, WISH, Wish, plan};
use super::ec2::Moment;
use super::planted::NONE;
use super::world::{SLOWEST, Scenario};

impl Scenario {
    /// What tells it from all others.
    pub(super) fn title(&self) -> String {
        let calm = if self.troubles == 0 { ", calm" } else { "" };
        let coarse = if self.grid > 1 { ", in steps of 5 s" } else { "" };
        format!("{}{calm}{coarse}", self.name)
    }
}

const QUICK: Scenario = Scenario {
    name: "",
    stacks: Vec::new(),
    endpoints: Vec::new(),
    delays: Vec::new(),
    troubles: 0,
    redelivery: Vec::new(),
    skew: Vec::new(),
    grid: 1,
    planted: NONE,
};

fn base(name: &'static str, stacks: Vec<Vec<Planned>>) -> Scenario {
    Scenario { name, stacks, delays: vec![0, 14], redelivery: vec![60], ..QUICK }
}

fn every(step: Moment, until: Moment) -> Vec<Moment> {
    (0..=until / step).map(|n| n * step).collect()
}

fn create(after: &[Moment]) -> Planned {
    plan(Act::Create(WISH), after)
}

fn delete(after: &[Moment]) -> Planned {
    plan(Act::Delete, after)
}

/// Two holders.
pub(super) fn two() -> Vec<Scenario> {
    let join = every(5, 70);
    vec![
        Scenario { troubles: 1, ..base("both create", vec![vec![create(&[0])], vec![create(&every(5, 30))]]) },
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            delays: vec![0, 7, SLOWEST],
            troubles: 1,
            ..base("one leaves while the other joins", vec![vec![delete(&[0])], vec![create(&join)]])
        },
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            skew: vec![0, 5],
            ..base("the joiner's clock is ahead", vec![vec![delete(&[0])], vec![create(&join)]])
        },
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            skew: vec![5, 0],
            ..base("the leaver's clock is ahead", vec![vec![delete(&[0])], vec![create(&join)]])
        },
        Scenario {
            endpoints: vec![(vec![0, 1], true, WISH)],
            troubles: 1,
            ..base("both leave", vec![vec![delete(&[0])], vec![delete(&every(5, 45))]])
        },
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            troubles: 1,
            ..base(
                "one leaves while the other comes and goes",
                vec![vec![delete(&[0])], vec![create(&every(10, 40)), delete(&[1, 12])]],
            )
        },
        Scenario {
            troubles: 1,
            ..base(
                "both come and go",
                vec![vec![create(&[0]), delete(&[5])], vec![create(&every(5, 15)), delete(&[5, 20])]],
            )
        },
        Scenario {
            troubles: 1,
            ..base("both come and go, without private DNS", {
                let wish = Wish { private_dns: false, ..WISH };
                let create = |after: &[Moment]| plan(Act::Create(wish), after);
                vec![vec![create(&[0]), delete(&[5])], vec![create(&every(5, 15)), delete(&[20])]]
            })
        },
        Scenario {
            endpoints: vec![(vec![], false, WISH)],
            troubles: 1,
            ..base(
                "both use somebody else's endpoint",
                vec![vec![create(&[0]), delete(&[5])], vec![create(&[0, 10]), delete(&[5])]],
            )
        },
    ]
}

/// Updates, beside another holder.
pub(super) fn updates() -> Vec<Scenario> {
    let elsewhere = Wish { service: 2, ..WISH };
    let other_group = Wish { group: 1, ..WISH };
    vec![
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            troubles: 1,
            ..base(
                "one changes the endpoint while the other joins",
                vec![
                    vec![plan(Act::Update(other_group), &[0]), delete(&[5])],
                    vec![create(&every(5, 20)), delete(&[5])],
                ],
            )
        },
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            troubles: 1,
            ..base(
                "one moves to another service and goes while the other comes and goes",
                vec![
                    vec![plan(Act::Update(elsewhere), &[0]), delete(&[5])],
                    vec![create(&every(10, 40)), delete(&[5])],
                ],
            )
        },
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            troubles: 1,
            ..base(
                "one moves to another service while the other joins",
                vec![vec![plan(Act::Update(elsewhere), &[0])], vec![create(&every(10, 40))]],
            )
        },
        Scenario {
            endpoints: vec![(vec![0], true, WISH), (vec![1], true, elsewhere)],
            troubles: 1,
            ..base(
                "one moves to the endpoint that the other leaves, and back",
                vec![vec![plan(Act::UpdateAndBack(elsewhere), &every(10, 40)), delete(&[5])], vec![delete(&[0])]],
            )
        },
    ]
}

/// One stack whose events overlap.
pub(super) fn one() -> Vec<Scenario> {
    let overtaking = |after: &[Moment]| Planned { overtakes: true, ..delete(after) };
    let twice = |planned: Planned, again: &[Moment]| Planned { again: again.to_vec(), ..planned };
    let holder = |n: usize| (vec![n], true, WISH);
    vec![
        Scenario {
            troubles: 1,
            ..base("a Delete overtakes the Create", vec![vec![create(&[0]), overtaking(&every(2, 40))]])
        },
        Scenario {
            endpoints: vec![holder(1)],
            troubles: 1,
            ..base(
                "a Delete overtakes the Create, which joins",
                vec![vec![create(&[0]), overtaking(&every(1, 40))], vec![delete(&[0, 20])]],
            )
        },
        Scenario {
            endpoints: vec![(vec![], false, WISH)],
            ..base(
                "a Delete overtakes the Create, at somebody else's",
                vec![vec![create(&[0]), overtaking(&every(1, 40))]],
            )
        },
        Scenario {
            endpoints: vec![(vec![], false, WISH)],
            ..base(
                "one goes and comes again at once, at somebody else's",
                vec![vec![create(&[0]), delete(&[1, 20]), create(&[0, 5]), delete(&[20])]],
            )
        },
        Scenario {
            endpoints: vec![(vec![0, 1], true, WISH)],
            troubles: 1,
            ..base(
                "one goes and comes again while the other leaves",
                vec![vec![delete(&[0]), create(&[0, 5]), delete(&[20])], vec![delete(&every(10, 40))]],
            )
        },
        base("the Create comes twice", vec![vec![twice(create(&[0]), &every(2, 30)), delete(&[40])]]),
        Scenario {
            endpoints: vec![holder(0)],
            ..base("the Delete comes twice", vec![vec![twice(delete(&[0]), &every(3, 60))]])
        },
        Scenario {
            endpoints: vec![holder(0)],
            ..base(
                "the Delete comes twice while another joins",
                vec![vec![twice(delete(&[0]), &every(5, 40))], vec![create(&every(5, 70))]],
            )
        },
    ]
}

/// Three holders.
pub(super) fn three() -> Vec<Scenario> {
    vec![
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            delays: vec![0, SLOWEST],
            troubles: 1,
            ..base(
                "one leaves, one comes and goes, one joins",
                vec![vec![delete(&[0])], vec![create(&every(5, 200)), delete(&[1])], vec![create(&every(5, 250))]],
            )
        },
        Scenario {
            endpoints: vec![(vec![0, 1], true, WISH)],
            troubles: 1,
            ..base(
                "two leave while the third joins",
                vec![vec![delete(&[0])], vec![delete(&every(5, 40))], vec![create(&every(5, 70))]],
            )
        },
        Scenario {
            troubles: 1,
            ..base(
                "three come and go",
                vec![
                    vec![create(&[0]), delete(&every(5, 20))],
                    vec![create(&every(5, 30)), delete(&every(5, 20))],
                    vec![create(&every(5, 60)), delete(&every(5, 20))],
                ],
            )
        },
        Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            ..base(
                "the Delete comes twice, one comes and goes, one joins",
                vec![
                    vec![Planned { again: every(5, 60), ..delete(&[0]) }],
                    vec![create(&every(5, 70)), delete(&[1])],
                    vec![create(&every(5, 120))],
                ],
            )
        },
    ]
}

/// Three holders and a trouble, small enough to be brought to an end: calls take no time, and few moments are tried.
pub(super) fn three_and_a_crash() -> Vec<Scenario> {
    let small = |scenario| coarse(Scenario { delays: vec![0], troubles: 1, ..scenario });
    vec![
        small(base("three create", vec![vec![create(&[0])], vec![create(&[0, 10])], vec![create(&[0, 10, 20])]])),
        small(Scenario {
            endpoints: vec![(vec![0, 1], true, WISH)],
            ..base(
                "two leave while the third joins, and every call is fast",
                vec![vec![delete(&[0])], vec![delete(&every(5, 40))], vec![create(&every(5, 70))]],
            )
        }),
        small(Scenario {
            endpoints: vec![(vec![0], true, WISH)],
            ..base(
                "one leaves, one comes and goes, one joins, and every call is fast",
                vec![vec![delete(&[0])], vec![create(&every(20, 40)), delete(&[5])], vec![create(&every(20, 60))]],
            )
        }),
        small(Scenario {
            endpoints: vec![(vec![0, 1], true, WISH)],
            ..base(
                "one moves to another service, one leaves and one joins, and every call is fast",
                vec![
                    vec![plan(Act::Update(Wish { service: 2, ..WISH }), &[0])],
                    vec![delete(&every(10, 30))],
                    vec![create(&every(10, 40))],
                ],
            )
        }),
    ]
}

/// The same without crashes, lost answers and failures of EC2's.
pub(super) fn calm(scenario: Scenario) -> Scenario {
    Scenario { troubles: 0, ..scenario }
}

/// The same with everything on multiples of five seconds: looks are never early, and so only later; what may happen at
/// several moments happens a little earlier. The lag is two of these steps, so that what was written one step ago may be
/// shown or not.
pub(super) fn coarse(scenario: Scenario) -> Scenario {
    const STEP: Moment = 5;
    let onto = |moments: &mut Vec<Moment>| {
        for moment in moments.iter_mut() {
            *moment -= *moment % STEP;
        }
        moments.dedup();
    };
    let mut scenario = Scenario { grid: STEP, ..scenario };
    onto(&mut scenario.delays);
    onto(&mut scenario.redelivery);
    for planned in scenario.stacks.iter_mut().flatten() {
        onto(&mut planned.after);
        onto(&mut planned.again);
    }
    scenario
}

pub(super) fn all() -> Vec<Scenario> {
    [two(), updates(), one(), three()].concat()
}

/// A scenario by its title.
pub(super) fn titled(title: &str) -> Option<Scenario> {
    let ways: [fn(Scenario) -> Scenario; 4] = [|s| s, calm, coarse, |s| calm(coarse(s))];
    let every = all().into_iter().flat_map(|scenario| ways.map(|way| way(scenario.clone())));
    every.into_iter().chain(three_and_a_crash()).find(|scenario| scenario.title() == title)
}
