// Written by `npm run api:types` from openapi.json: edit neither by hand.

export interface paths {
    "/api/{user_id}/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        /** List tasks, newest first */
        get: operations["listTasks"];
        put?: never;
        /** Create a task */
        post: operations["createTask"];
        /** Delete all tasks in one state */
        delete: operations["clearTasks"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/{user_id}/tasks/counts": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        /** Count tasks by state */
        get: operations["countTasks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/{user_id}/tasks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
                /** @description The task's id. */
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        /** Fetch a task */
        get: operations["getTask"];
        /** Replace a task */
        put: operations["replaceTask"];
        post?: never;
        /** Delete a task */
        delete: operations["deleteTask"];
        options?: never;
        head?: never;
        /** Change some fields (RFC 7396 merge patch) */
        patch: operations["patchTask"];
        trace?: never;
    };
    "/api/{user_id}/tasks/{id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
                /** @description The task's id. */
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Toggle a task, or set its state with a body */
        patch: operations["completeTask"];
        trace?: never;
    };
    "/api/{user_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        /** Receive changes as server-sent events */
        get: operations["streamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process is alive */
        get: operations["alive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the service is ready */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/oauth-protected-resource": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Protected resource metadata (RFC 9728) */
        get: operations["protectedResource"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Task: {
            /**
             * Format: uuid
             * @description UUID version 7.
             */
            id: string;
            title: string;
            description: string | null;
            completed: boolean;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
        };
        TaskPage: {
            items: components["schemas"]["Task"][];
            next_cursor: string | null;
        };
        Counts: {
            open: number;
            completed: number;
        };
        Deleted: {
            deleted: number;
        };
        /**
         * TaskInput
         * @description A whole task, as POST and PUT take it. Absent members get their default.
         */
        TaskInput: {
            /** @description What is to be done. Surrounding space is removed. */
            title: string;
            /**
             * @description Further text.
             * @default null
             */
            description?: string | null;
            /**
             * @description Whether the task is done.
             * @default false
             */
            completed?: boolean;
        };
        /**
         * TaskPatch
         * @description A JSON merge patch (RFC 7396): absent members stay as they are. Only the description may be null.
         */
        TaskPatch: {
            /** @description A new title. */
            title?: string;
            /** @description A new description, or null to remove it. */
            description?: string | null;
            /** @description Whether the task is done. */
            completed?: boolean;
        };
        /**
         * Completion
         * @description The optional body of PATCH …/complete.
         */
        Completion: {
            /** @description The new state. Without a body the state is inverted. */
            completed: boolean;
        };
        Problem: {
            type: string;
            title: string;
            detail: string;
            error_type: string;
            code: string;
            request_id: string;
            status: number;
            status_code: number;
            errors?: {
                field: string;
                message: string;
            }[];
        };
    };
    responses: {
        /** @description The request cannot be read: body not JSON, or two Authorization headers. */
        BadRequest: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The token is missing or refused; see `WWW-Authenticate`. */
        Unauthenticated: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                "WWW-Authenticate": components["headers"]["challenge"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The path names another user than the token. */
        NotOwner: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The caller has no such task. */
        NotFound: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The path does not have this method; see `Allow`. */
        MethodNotAllowed: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The Accept header excludes the media type of the answer. */
        NotAcceptable: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `If-Match` no longer holds. */
        PreconditionFailed: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is larger than 64 KiB. */
        ContentTooLarge: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body has another media type than the operation takes. */
        UnsupportedMediaType: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body or the query is not valid; `errors` names every bad field. */
        Invalid: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many refused tokens from this client IP, or too many open streams; see `Retry-After`. */
        TooManyFailures: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                "Retry-After": components["headers"]["retry_after"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Something went wrong on our side. */
        Crashed: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Keys, revocations or the database are unavailable; see `Retry-After`. */
        Unavailable: {
            headers: {
                "X-Request-Id": components["headers"]["request_id"];
                "Retry-After": components["headers"]["retry_after"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /** @description The token's `sub`, or `me`. */
        user_id: string;
        /** @description The task's id. */
        id: string;
        /** @description Only tasks in this state. */
        completed: boolean;
        /** @description Only tasks with this text in title or description; case is ignored. */
        q: string;
        /** @description Only tasks whose `updated_at` is not later than this. */
        until: string;
        /** @description An id of the browser tab. Changes sent with this value in `X-Origin` cause no event. */
        origin: string;
        /** @description Tasks a page. */
        limit: number;
        /** @description `next_cursor` of the previous page. */
        cursor: string;
        /** @description A repeat with the same key and body within 24 hours returns the same task and creates nothing. */
        idempotency_key: string;
        /** @description Only if the task still has this entity tag. */
        if_match: string;
        /** @description Answer 304 if the task still has this entity tag. */
        if_none_match: string;
        /** @description Only if the task does not have this entity tag. */
        unless: string;
    };
    requestBodies: never;
    headers: {
        /** @description The id of this request in the log. */
        request_id: string;
        /** @description The task's `updated_at` in quotes. */
        etag: string;
        /** @description The URL of the task. */
        location: string;
        /** @description The bearer challenge of RFC 6750 §3. */
        challenge: string;
        /** @description Seconds to wait. */
        retry_after: number;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listTasks: {
        parameters: {
            query?: {
                /** @description Only tasks in this state. */
                completed?: components["parameters"]["completed"];
                /** @description Only tasks with this text in title or description; case is ignored. */
                q?: components["parameters"]["q"];
                /** @description Tasks a page. */
                limit?: components["parameters"]["limit"];
                /** @description `next_cursor` of the previous page. */
                cursor?: components["parameters"]["cursor"];
            };
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of tasks */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            406: components["responses"]["NotAcceptable"];
            413: components["responses"]["ContentTooLarge"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    createTask: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body within 24 hours returns the same task and creates nothing. */
                "Idempotency-Key"?: components["parameters"]["idempotency_key"];
            };
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TaskInput"];
            };
        };
        responses: {
            /** @description The task that was created with this Idempotency-Key */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    ETag: components["headers"]["etag"];
                    Location: components["headers"]["location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description The new task */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    ETag: components["headers"]["etag"];
                    Location: components["headers"]["location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            406: components["responses"]["NotAcceptable"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    clearTasks: {
        parameters: {
            query: {
                /** @description Only tasks in this state. */
                completed: boolean;
                /** @description Only tasks whose `updated_at` is not later than this. */
                until?: components["parameters"]["until"];
            };
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many were deleted */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            406: components["responses"]["NotAcceptable"];
            413: components["responses"]["ContentTooLarge"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    countTasks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counts */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Counts"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            406: components["responses"]["NotAcceptable"];
            413: components["responses"]["ContentTooLarge"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    getTask: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the task still has this entity tag. */
                "If-Match"?: components["parameters"]["if_match"];
                /** @description Answer 304 if the task still has this entity tag. */
                "If-None-Match"?: components["parameters"]["if_none_match"];
            };
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
                /** @description The task's id. */
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    ETag: components["headers"]["etag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description The task still has the entity tag of If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["ContentTooLarge"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    replaceTask: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the task still has this entity tag. */
                "If-Match"?: components["parameters"]["if_match"];
                /** @description Only if the task does not have this entity tag. */
                "If-None-Match"?: components["parameters"]["unless"];
            };
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
                /** @description The task's id. */
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TaskInput"];
            };
        };
        responses: {
            /** @description The task */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    ETag: components["headers"]["etag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteTask: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the task still has this entity tag. */
                "If-Match"?: components["parameters"]["if_match"];
                /** @description Only if the task does not have this entity tag. */
                "If-None-Match"?: components["parameters"]["unless"];
            };
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
                /** @description The task's id. */
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task is deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["ContentTooLarge"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    patchTask: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the task still has this entity tag. */
                "If-Match"?: components["parameters"]["if_match"];
                /** @description Only if the task does not have this entity tag. */
                "If-None-Match"?: components["parameters"]["unless"];
            };
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
                /** @description The task's id. */
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/merge-patch+json": components["schemas"]["TaskPatch"];
                "application/json": components["schemas"]["TaskPatch"];
            };
        };
        responses: {
            /** @description The task */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    ETag: components["headers"]["etag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    completeTask: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the task still has this entity tag. */
                "If-Match"?: components["parameters"]["if_match"];
                /** @description Only if the task does not have this entity tag. */
                "If-None-Match"?: components["parameters"]["unless"];
            };
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
                /** @description The task's id. */
                id: components["parameters"]["id"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Completion"];
            };
        };
        responses: {
            /** @description The task */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    ETag: components["headers"]["etag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["PreconditionFailed"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    streamEvents: {
        parameters: {
            query?: {
                /** @description An id of the browser tab. Changes sent with this value in `X-Origin` cause no event. */
                origin?: components["parameters"]["origin"];
            };
            header?: never;
            path: {
                /** @description The token's `sub`, or `me`. */
                user_id: components["parameters"]["user_id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events: `ready` first; `tasks` after changes, with the ids or `{}` for many; `reset` after a gap. Ends when the token expires or is revoked. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["request_id"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["NotOwner"];
            406: components["responses"]["NotAcceptable"];
            413: components["responses"]["ContentTooLarge"];
            422: components["responses"]["Invalid"];
            429: components["responses"]["TooManyFailures"];
            500: components["responses"]["Crashed"];
            503: components["responses"]["Unavailable"];
        };
    };
    alive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process is alive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            405: components["responses"]["MethodNotAllowed"];
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The service is ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            405: components["responses"]["MethodNotAllowed"];
            503: components["responses"]["Unavailable"];
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description This document */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            405: components["responses"]["MethodNotAllowed"];
        };
    };
    protectedResource: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metadata */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            405: components["responses"]["MethodNotAllowed"];
        };
    };
}
