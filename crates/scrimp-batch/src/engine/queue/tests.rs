use scrimp_core::KeyBuf;

use super::*;

fn queued(item: u32, identity: Option<u32>, tenant: &str) -> Queued<u32, ()> {
    let key = |identity: u32| KeyBuf::new().part(&identity.to_le_bytes()).to_key();
    Queued {
        waiting: Waiting {
            item,
            identity: identity.map(key),
            tenant: Some(tenant.into()),
            weight: 3,
            bytes: 10,
            deadline: None,
            due: None,
            urgent: false,
        },
        slot: Slot::new(),
        since: Instant::now(),
    }
}

const ROOM: Space = Space {
    items: 2,
    bytes: usize::MAX,
    weight: u64::MAX,
};

fn take(queue: &mut Queue<u32, ()>) -> Vec<u32> {
    let taken = queue.take(ROOM).into_iter();
    taken.map(|queued| queued.waiting.item).collect()
}

#[tokio::test(start_paused = true)]
async fn duplicates_go_with_their_item_and_take_no_room() {
    let mut queue = Queue::default();
    for item in 0..100 {
        queue.push(queued(
            item,
            Some(item % 3),
            if item % 2 == 0 { "a" } else { "b" },
        ));
    }
    assert_eq!((queue.items, queue.bytes, queue.weight), (3, 30, 9));
    assert!(queue.is_full(ROOM));
    let first = take(&mut queue);
    assert_eq!(first.len(), 34 + 33);
    assert_eq!((queue.callers(), queue.items, queue.weight), (33, 1, 3));
    // An item that was taken is not the item of later ones.
    queue.push(queued(100, Some(first[0] % 3), "a"));
    assert_eq!(queue.items, 2);
    assert_eq!(take(&mut queue).len(), 34);
    assert!(queue.is_empty() && queue.duplicates.is_empty() && queue.lines.is_empty());
    assert_eq!((queue.callers(), queue.bytes, queue.weight), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_place_of_an_item_whose_caller_left_goes_to_a_duplicate() {
    let mut queue = Queue::default();
    let all: Vec<_> = (0..6)
        .map(|item| queued(item, Some(item / 3), "a"))
        .collect();
    let slots: Vec<_> = all.iter().map(|queued| Arc::clone(&queued.slot)).collect();
    all.into_iter().for_each(|queued| queue.push(queued));
    // Each caller of the first item has left, and two of the second.
    (0..5).for_each(|item| slots[item].lose());
    queue.sweep();
    assert_eq!(
        (queue.items, queue.callers(), queue.duplicates.len()),
        (1, 1, 1)
    );
    assert_eq!(take(&mut queue), [5]);
    assert!(queue.is_empty() && queue.duplicates.is_empty());
}
