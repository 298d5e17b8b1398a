export { SessionPage } from "./SessionPage";
export { SessionsPage } from "./SessionsPage";
export { UsersPage } from "./UsersPage";
