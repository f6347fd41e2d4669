package chat;

import org.springframework.context.event.EventListener;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.SendTo;
import org.springframework.messaging.simp.SimpMessageHeaderAccessor;
import org.springframework.messaging.simp.SimpMessagingTemplate;
import org.springframework.stereotype.Controller;
import org.springframework.web.socket.messaging.SessionDisconnectEvent;

/** One room: who joins it, what they say, and who leaves it. */
@Controller
public class ChatController {
  public record Line(String type, String name, String text) {}

  private final SimpMessagingTemplate messages;

  public ChatController(SimpMessagingTemplate messages) {
    this.messages = messages;
  }

  @MessageMapping("/join")
  @SendTo("/topic/room")
  public Line join(String name, SimpMessageHeaderAccessor headers) {
    headers.getSessionAttributes().put("name", name);
    return new Line("join", name, null);
  }

  @MessageMapping("/say")
  @SendTo("/topic/room")
  public Line say(String text, SimpMessageHeaderAccessor headers) {
    return new Line("say", nameOf(headers), text);
  }

  @EventListener
  public void leave(SessionDisconnectEvent event) {
    String name = nameOf(SimpMessageHeaderAccessor.wrap(event.getMessage()));
    if (name != null) messages.convertAndSend("/topic/room", new Line("leave", name, null));
  }

  private static String nameOf(SimpMessageHeaderAccessor headers) {
    return (String) headers.getSessionAttributes().get("name");
  }
}
