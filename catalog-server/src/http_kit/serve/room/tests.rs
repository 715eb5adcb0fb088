use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::{
    memory::{PATIENCE, STEP},
    *,
};

/// Places of which each waits a little less long than the one before.
async fn waiting(room: &Arc<Room>, count: usize) -> Vec<Place> {
    let mut places = Vec::new();
    for _ in 0..count {
        let place = room.enter();
        place.waits(Side::Reading);
        places.push(place);
        sleep(STEP).await;
    }
    places
}

/// Such places, two bytes held by each, none of them in its grace any more.
async fn holding(room: &Arc<Room>, count: usize) -> (Vec<Place>, Vec<Held>) {
    let places = waiting(room, count).await;
    let mut held = Vec::new();
    for place in &places {
        held.push(place.hold(2).await.unwrap());
    }
    sleep(2 * GRACE).await;
    (places, held)
}

fn has_to_go(place: &Place) -> bool {
    place.asked_to_leave().now_or_never().is_some()
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_goes_first_and_work_stays() {
    let room = Room::new(0);
    let worked_for = room.enter();
    let places = waiting(&room, 2).await;
    room.free_places(1, GRACE);
    assert_eq!(room.leaving(), 0);
    sleep(2 * GRACE).await;
    for expected in [[true, false], [true, true]] {
        room.free_places(1, GRACE);
        let asked: Vec<_> = places.iter().map(Place::is_leaving).collect();
        assert_eq!(asked, expected);
    }
    room.free_places(1, GRACE);
    assert_eq!(room.leaving(), 2);
    assert!(!has_to_go(&worked_for));
    assert!(has_to_go(&places[0]));
    // What it waited for has come.
    places[1].waits_no_more(Side::Reading);
    assert!(!has_to_go(&places[1]));
    assert_eq!(room.leaving(), 1);
    drop((worked_for, places));
    assert!(room.places().is_empty());
    assert_eq!(room.leaving(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_many_those_that_wait_longest_go_at_once_and_whoever_is_heard_of_stays() {
    let room = Room::new(0);
    let places = waiting(&room, 10).await;
    sleep(2 * GRACE).await;
    room.free_places(4, GRACE);
    for (number, place) in places.iter().enumerate() {
        assert_eq!(place.is_leaving(), number < 4, "{number}");
    }
    places[2].stays();
    assert!(!has_to_go(&places[2]));
    assert!(has_to_go(&places[1]));
    assert_eq!(room.leaving(), 3);
    room.free_places(100, GRACE);
    assert_eq!(room.leaving(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_connection_goes_for_no_wait_but_the_one_it_was_asked_about() {
    let room = Room::new(0);
    let places = waiting(&room, 1).await;
    sleep(2 * GRACE).await;
    for side in [Side::Reading, Side::Writing] {
        room.free_places(1, GRACE);
        assert!(places[0].is_leaving());
        // Its request came, and now it waits for something else.
        places[0].waits_no_more(Side::Reading);
        places[0].waits(side);
        assert!(!has_to_go(&places[0]));
        assert_eq!(room.leaving(), 0);
        places[0].waits_no_more(Side::Writing);
        places[0].waits(Side::Reading);
        sleep(2 * GRACE).await;
    }
    room.free_places(1, GRACE);
    assert!(has_to_go(&places[0]));
}

#[tokio::test(start_paused = true)]
async fn memory_is_shared_and_comes_back() {
    let room = Room::new(10);
    let (one, other) = (room.enter(), room.enter());
    let some = one.hold(8).await.unwrap();
    assert!(other.hold(3).await.is_none());
    assert!(other.hold(11).await.is_none());
    assert!(other.hold(2).await.is_some());
    drop(some);
    assert!(other.hold(10).await.is_some());
    assert_eq!(room.held.load(Ordering::Relaxed), 0);
    assert_eq!(room.wanted.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_go_than_hold_what_is_wanted() {
    let room = Room::new(10);
    let (places, held) = holding(&room, 5).await;
    let (one, other) = (room.enter(), room.enter());
    let (mut some, mut more) = (Box::pin(one.hold(3)), Box::pin(other.hold(1)));
    assert!(some.as_mut().now_or_never().is_none());
    assert!(more.as_mut().now_or_never().is_none());
    for _ in 0..5 {
        sleep(STEP).await;
        room.free_memory();
    }
    let asked: Vec<_> = places.iter().map(Place::is_leaving).collect();
    assert_eq!(asked, [true, true, false, false, false]);
    drop(held);
    assert!(some.await.is_some() && more.await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_free_counts_for_what_is_wanted() {
    let room = Room::new(10);
    let (_places, mut held) = holding(&room, 4).await;
    let other = room.enter();
    let mut some = Box::pin(other.hold(4));
    assert!(some.as_mut().now_or_never().is_none());
    assert_eq!(room.leaving(), 1);
    drop(held.remove(0));
    assert!(some.await.is_some());
}

#[tokio::test(start_paused = true)]
async fn who_says_a_word_now_and_then_does_not_keep_its_memory() {
    let room = Room::new(10);
    let (dripping, other) = (room.enter(), room.enter());
    let held = dripping.hold(8).await.unwrap();
    let drip = async {
        while !has_to_go(&dripping) {
            dripping.waits(Side::Reading);
            sleep(GRACE / 2).await;
        }
        drop(held);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        some = other.hold(3) => assert!(some.is_some()),
        () = drip => {}
    }
}

#[tokio::test(start_paused = true)]
async fn of_those_that_all_want_more_the_last_is_told_to_try_again() {
    let room = Room::new(10);
    let places: Vec<_> = (0..5).map(|_| room.enter()).collect();
    let grow = |place: Place| async move {
        let first = place.hold(2).await?;
        sleep(STEP).await;
        let more = place.hold(2).await;
        more.map(|more| (first, more))
    };
    let all = places.iter().cloned().map(grow);
    let begun = Instant::now();
    let grown = futures_util::future::join_all(all).await;
    let grown = grown.iter().filter(|grown| grown.is_some()).count();
    assert!(grown >= 2, "{grown}");
    assert!(begun.elapsed() < PATIENCE / 2);
    assert_eq!(room.leaving(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_memory_leaves_its_place_to_others_but_not_its_memory() {
    let room = Room::new(10);
    let (one, other) = (room.enter(), room.enter());
    let all = [one.hold(8).await.unwrap(), other.hold(2).await.unwrap()];
    let mut wanting = Box::pin(other.hold(3));
    assert!(wanting.as_mut().now_or_never().is_none());
    sleep(2 * GRACE).await;
    room.free_memory();
    assert_eq!(room.leaving(), 0);
    room.free_places(2, GRACE);
    assert!(other.is_leaving() && !one.is_leaving());
    // It is told so, and goes with that.
    assert!(!has_to_go(&other) && other.is_leaving());
    assert!(wanting.await.is_none());
    assert!(other.is_closing() && !one.is_closing());
    assert_eq!(room.leaving(), 0);
    assert_eq!(other.0.state.waiting_since(), None);
    drop(all);
}
