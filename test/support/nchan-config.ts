import { dirname } from 'node:path'

export interface NchanOptions {
  /** How many messages each channel keeps. Default: 400. */
  readonly bufferLength?: number | undefined
  /** How long a subscriber is held (long-poll: then 408; SSE and WebSocket: then closed), in seconds. Default: 25. */
  readonly holdSeconds?: number | undefined
  /** Where a subscriber without a cursor begins. Default: `'oldest'`. */
  readonly firstMessage?: 'oldest' | 'newest' | undefined
  /** The path of a built file, loaded by the page at `/`; its directory is served at `/dist/` of the same origin. */
  readonly script?: string | undefined
}

interface Place {
  readonly port: number
  readonly module: string
  /** The folder for all files that nginx writes. */
  readonly folder: string
  readonly user: string
}

/**
 * One worker, since two of them crash in Debian's build and messages in memory belong to one. Both kinds of poll are plain GETs
 * and nchan would always choose `intervalpoll`, so the query tells them apart.
 */
export function nchanConfig(options: NchanOptions & Place): string {
  const { bufferLength = 400, holdSeconds = 25, firstMessage = 'oldest', script, port, module, folder, user } = options
  return `load_module ${module};
user ${user};
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  types { text/html html; text/javascript js; application/json map json; }
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  map "$arg_mode:$http_prefer" $want_poll { default ""; "~^poll:" 1; "~:.*wait=0" 1; }
  server {
    listen 127.0.0.1:${port};
    location = /worker { return 200 $pid; }
    location = / { root ${folder}; try_files /index.html =404; }
    ${script === undefined ? '' : `location /dist/ { alias ${dirname(script)}/; }`}
    location ~ ^/sub/([\\w.-]+)$ {
      nchan_subscriber websocket eventsource longpoll;
      nchan_channel_id $1;
      nchan_subscriber_first_message ${firstMessage};
      nchan_subscriber_timeout ${holdSeconds}s;
      nchan_eventsource_ping_interval 10;
      nchan_websocket_ping_interval 10;
      if ($want_poll) { rewrite ^/sub/(.*)$ /poll/$1 last; }
    }
    location ~ ^/poll/([\\w.-]+)$ {
      nchan_subscriber intervalpoll;
      nchan_channel_id $1;
      nchan_subscriber_first_message ${firstMessage};
    }
    location ~ ^/pub/([\\w.-]+)$ {
      nchan_publisher;
      nchan_channel_id $1;
      nchan_message_buffer_length ${bufferLength};
      nchan_message_timeout 10m;
    }
  }
}
`
}
