mod changes;
mod outside;
mod secrets;
mod support;
mod telling;
mod unchanged;
mod work;
