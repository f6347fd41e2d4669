package steadfast.spring;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.concurrent.Executors;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.MessageHandler;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.SendTo;
import org.springframework.messaging.simp.SimpMessageType;
import org.springframework.messaging.simp.annotation.SendToUser;
import org.springframework.messaging.simp.broker.SimpleBrokerMessageHandler;
import org.springframework.messaging.simp.config.ChannelRegistration;
import org.springframework.messaging.simp.config.MessageBrokerRegistry;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.ExecutorChannelInterceptor;
import org.springframework.messaging.support.MessageBuilder;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.concurrent.ConcurrentTaskScheduler;
import org.springframework.stereotype.Controller;
import org.springframework.web.socket.CloseStatus;
import org.springframework.web.socket.TextMessage;
import org.springframework.web.socket.WebSocketSession;
import org.springframework.web.socket.config.annotation.EnableWebSocket;
import org.springframework.web.socket.config.annotation.EnableWebSocketMessageBroker;
import org.springframework.web.socket.config.annotation.StompEndpointRegistry;
import org.springframework.web.socket.config.annotation.WebSocketConfigurer;
import org.springframework.web.socket.config.annotation.WebSocketHandlerRegistry;
import org.springframework.web.socket.config.annotation.WebSocketMessageBrokerConfigurer;
import org.springframework.web.socket.handler.TextWebSocketHandler;

/** A small Spring application with the endpoints that tests need. It prints the port that it listens on. */
@SpringBootApplication(proxyBeanMethods = false)
public class Application {
  public static void main(String[] arguments) {
    var context = (ServletWebServerApplicationContext) SpringApplication.run(Application.class, arguments);
    System.out.println("LISTENING " + context.getWebServer().getPort());
  }

  /** For the heartbeats of the broker and of SockJS. */
  @Bean
  TaskScheduler heartbeatScheduler() {
    return new ConcurrentTaskScheduler(Executors.newScheduledThreadPool(2));
  }

  /** STOMP: the simple broker of Spring, as its guide sets it up, over a WebSocket and over SockJS. */
  @Configuration(proxyBeanMethods = false)
  @EnableWebSocketMessageBroker
  static class Stomp implements WebSocketMessageBrokerConfigurer {
    private final TaskScheduler heartbeatScheduler;
    private final ObjectProvider<MessageChannel> channels;

    Stomp(
        TaskScheduler heartbeatScheduler,
        @Qualifier("clientOutboundChannel") ObjectProvider<MessageChannel> channels) {
      this.heartbeatScheduler = heartbeatScheduler;
      this.channels = channels;
    }

    @Override
    public void registerStompEndpoints(StompEndpointRegistry registry) {
      registry.addEndpoint("/ws").setAllowedOriginPatterns("*");
      // Between two polls of a client a session keeps 100 messages, and ends with the next one: a burst needs room for more.
      registry.addEndpoint("/sockjs").setAllowedOriginPatterns("*").withSockJS().setHttpMessageCacheSize(1000);
    }

    @Override
    public void configureMessageBroker(MessageBrokerRegistry registry) {
      registry.setApplicationDestinationPrefixes("/app");
      registry
          .enableSimpleBroker("/topic", "/queue")
          .setTaskScheduler(heartbeatScheduler)
          .setHeartbeatValue(new long[] {10_000, 10_000});
      // Messages of one client are handled in the order in which they were sent.
      registry.setPreservePublishOrder(true);
    }

    @Override
    public void configureClientInboundChannel(ChannelRegistration registration) {
      registration.interceptors(new Receipts(channels));
    }
  }

  /** The simple broker sends a receipt for DISCONNECT alone: this sends those of SUBSCRIBE, UNSUBSCRIBE and SEND. */
  static class Receipts implements ExecutorChannelInterceptor {
    private final ObjectProvider<MessageChannel> outbound;

    Receipts(ObjectProvider<MessageChannel> outbound) {
      this.outbound = outbound;
    }

    @Override
    public void afterMessageHandled(Message<?> message, MessageChannel channel, MessageHandler handler, Exception error) {
      var frame = MessageHeaderAccessor.getAccessor(message, StompHeaderAccessor.class);
      // Every message is offered to each handler of the channel; the broker is the one that always gets it.
      if (!(handler instanceof SimpleBrokerMessageHandler) || frame == null || frame.getReceipt() == null) return;
      if (error != null || frame.getMessageType() == SimpMessageType.DISCONNECT) return;
      var receipt = StompHeaderAccessor.create(StompCommand.RECEIPT);
      receipt.setReceiptId(frame.getReceipt());
      receipt.setSessionId(frame.getSessionId());
      outbound.getObject().send(MessageBuilder.createMessage(new byte[0], receipt.getMessageHeaders()));
    }
  }

  @Controller
  static class Messages {
    /** To everybody who is subscribed. */
    @MessageMapping("/chat")
    @SendTo("/topic/chat")
    String chat(String text) {
      return text;
    }

    /** To the sender alone. */
    @MessageMapping("/echo")
    @SendToUser(value = "/queue/echo", broadcast = false)
    String echo(String text) {
      return text;
    }
  }

  /** Without STOMP: what SockJS itself does. A text `close <code> <reason>` ends the connection with them. */
  @Configuration(proxyBeanMethods = false)
  @EnableWebSocket
  static class Echo extends TextWebSocketHandler implements WebSocketConfigurer {
    private final TaskScheduler scheduler;

    Echo(TaskScheduler heartbeatScheduler) {
      this.scheduler = heartbeatScheduler;
    }

    @Override
    public void registerWebSocketHandlers(WebSocketHandlerRegistry registry) {
      registry.addHandler(this, "/echo").setAllowedOriginPatterns("*").withSockJS().setHttpMessageCacheSize(1000);
    }

    @Override
    protected void handleTextMessage(WebSocketSession session, TextMessage message) throws IOException {
      var words = message.getPayload().split(" ", 3);
      if (!words[0].equals("close")) {
        session.sendMessage(message);
        return;
      }
      // A session that is closed between two polls forgets its status and its messages: the next poll of the client comes before that.
      var status = new CloseStatus(Integer.parseInt(words[1]), words[2]);
      scheduler.schedule(() -> close(session, status), Instant.now().plusMillis(200));
    }

    private static void close(WebSocketSession session, CloseStatus status) {
      try {
        session.close(status);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }
}
