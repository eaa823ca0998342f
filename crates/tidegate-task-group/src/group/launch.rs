// How it works
//
// Whatever way a child is spawned, it takes its turn, joins the group, and goes to the runtime; in this order, so that
// one that is refused has left nothing behind.

use std::panic::Location;
use std::sync::Arc;

use crate::child::{Child, Member};
use crate::group::TaskGroup;
use crate::inherit::{Heir, inherit};
use crate::manner::Manner;
use crate::origin::Name;
use crate::shelf::Shelf;
use crate::task::{Stub, Task};
use crate::task_error::TrySpawnError;
use crate::turn::Turn;

impl<E> TaskGroup<E> {
    #[track_caller]
    pub(crate) fn spawn_as<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        manner: M,
    ) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        let turn = self.take_turn();
        self.spawn_in_turn(name, location, future, turn, manner)
    }

    #[track_caller]
    pub(crate) fn spawn_local_as<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        manner: M,
    ) -> Task<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
        E: 'static,
        M: Manner<T, E> + 'static,
    {
        let turn = self.take_turn();
        match Member::join(&self.shared, name.clone(), location) {
            Ok(member) => {
                let (child, stub) = self.make_child(member, future, turn, manner);
                stub.into_task(tokio::task::spawn_local(child))
            }
            Err(reason) => Task::refused(reason, name),
        }
    }

    #[track_caller]
    pub(crate) fn try_spawn_as<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        manner: M,
    ) -> Result<Task<T>, TrySpawnError<F>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        if self.shared.core.closed().is_some() {
            return Err(TrySpawnError::Closed(future));
        }
        let turn = match &self.shared.core.card.limit {
            None => Turn::Come(None),
            Some(limit) => match Arc::clone(limit).try_acquire_owned() {
                Some(permit) => Turn::Come(Some(permit)),
                None => return Err(TrySpawnError::Full(future)),
            },
        };
        match Member::join(&self.shared, name, location) {
            Ok(member) => Ok(self.launch(member, future, turn, manner)),
            Err(_) => Err(TrySpawnError::Closed(future)),
        }
    }

    #[track_caller]
    pub(crate) fn spawn_in_turn<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        turn: Turn,
        manner: M,
    ) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        match Member::join(&self.shared, name.clone(), location) {
            Ok(member) => self.launch(member, future, turn, manner),
            Err(reason) => Task::refused(reason, name),
        }
    }

    /// A permit or a place in line, if there is a limit.
    fn take_turn(&self) -> Turn {
        let core = &self.shared.core;
        Turn::join(core.card.limit.as_ref(), &core.scope)
    }

    #[track_caller]
    pub(crate) fn launch<T, F, M>(
        &self,
        member: Member<E>,
        future: F,
        turn: Turn,
        manner: M,
    ) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        let (child, stub) = self.make_child(member, future, turn, manner);
        stub.into_task(match &self.shared.runtime {
            Some(runtime) => runtime.spawn(child),
            None => tokio::spawn(child),
        })
    }

    /// A child that is to be spawned.
    fn make_child<T, F, M>(
        &self,
        member: Member<E>,
        future: F,
        turn: Turn,
        manner: M,
    ) -> (Child<Heir<F>, T, E, M>, Stub<T>)
    where
        F: Future<Output = Result<T, E>>,
    {
        let (id, name) = (member.id(), member.name().cloned());
        let shelf = std::mem::needs_drop::<T>().then(|| Arc::new(Shelf::new()));
        let child = Child::new(inherit(future), turn, shelf.clone(), member, manner);
        (child, Stub { shelf, core: Arc::clone(&self.shared.core), name, id })
    }
}
